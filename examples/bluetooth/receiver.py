# The same as plain_receiver.py, with picolink: copy it to a board as main.py.
from picolink import Node

node = Node("receiver")


@node.command
def message(text):
    print(text)
    return "Got it"


node.run("ble-peripheral:")
