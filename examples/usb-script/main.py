# A board with a node, whose owner also types at it with mpremote.
from machine import Pin

from picolink import Node

node = Node("lamp")
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|?", help="The lamp on the board")
def led_set(state="?"):
    if state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


node.run("usb:")
