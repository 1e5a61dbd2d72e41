"""docs/time.md: a board that tells the time."""

from picolink import Node

node = Node()


@node.command
def what_time():
    return node.time.text()  # "2026-11-21 17:44:31 CET", "" while it is not known


node.run()
