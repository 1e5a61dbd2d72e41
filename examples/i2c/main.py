# A lamp on I2C: by picolink from a Raspberry Pi, and by a plain register from any script.
from machine import Pin

from picolink import Node

node = Node("lamp")
led = Pin("LED", Pin.OUT)

node.register(0x00, led.value)


@node.command(state="on|off|?", help="The lamp on the board")
def led_set(state="?"):
    if state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


node.run("i2c-target:0/0x43?sda=0&scl=1", "usb:")
