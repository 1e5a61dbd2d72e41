# The board with the lamp, which opens the network: copy it there as main.py.
from machine import Pin

from picolink import Node

node = Node(
    "lamp",
    wifi={
        "access_point": ["picolink pair", "a good password"],
        "access_point_address": "192.168.10.1",
    },
)
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|toggle|?", help="The lamp on the board")
def led_set(state="?"):
    if state == "toggle":
        led.toggle()
    elif state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


node.run("usb:", "tcp-listen::5263")
