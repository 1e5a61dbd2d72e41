import time

from picolink import Node

node = Node("loop")


@node.command
def uptime():
    return time.ticks_ms()


while True:
    node.poll("usb:")
