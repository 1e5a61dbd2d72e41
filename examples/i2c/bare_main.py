# A lamp for scripts that write a bare byte and read one: 1 is on, 0 is off.
from machine import Pin

from picolink import Node

node = Node("lamp")
led = Pin("LED", Pin.OUT)

node.register(0x00, led.value)

node.run("i2c-registers:0/0x43?sda=0&scl=1", "usb:")
