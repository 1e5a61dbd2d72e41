# The board with the lamp: copy it there as main.py.
from machine import Pin
from settings import WIFI

from picolink import Node

node = Node("lamp", wifi=WIFI)
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|toggle|?", help="The lamp on the board")
def led_set(state="?"):
    if state == "toggle":
        led.toggle()
    elif state != "?":
        led.value(state == "on")
    node.publish("lamp", led.value())
    return "on" if led.value() else "off"


node.run("usb:", "tcp-listen::5263")
