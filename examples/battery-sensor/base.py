"""`python base.py [PORT]`: gets what sensors deliver, and prints it."""

import sys

from picolink import Node

node = Node("base")


@node.on_delivery
def delivered(name, reading):
    print(name, reading.value, reading.unit)
    if reading.missed:
        print(name, "was lost", reading.missed, "times before")


port = sys.argv[1] if len(sys.argv) > 1 else "5263"
node.run(f"tcp-listen::{port}")
