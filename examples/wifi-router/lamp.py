# The board with the lamp (its own LED): copy it there as main.py.
from machine import Pin

from picolink import Node

node = Node("lamp")  # the network and its password stand in /picolink.json
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|toggle|?", help="The lamp on the board")
def led_set(state="?"):
    if state == "toggle":
        led.toggle()
    elif state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


node.run("usb:", "tcp-listen::5263")
