# A text dialect on a UART: led_on and led_off, each ended by CR.
from machine import Pin

from picolink import Node

node = Node("lamp")
led = Pin("LED", Pin.OUT)

WIRE = "uart:0?tx=0&rx=1&baud=115200"


@node.text("led_on", link="uart:0", reply="\r\n")
def led_on():
    led.on()
    return "on"


@node.text("led_off", link="uart:0", reply="\r\n")
def led_off():
    led.off()
    return "off"


node.run(WIRE, "usb:")
