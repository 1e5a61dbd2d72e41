from machine import Pin

from picolink import Node

node = Node("shed")
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|toggle", help="The lamp on the board")
def led_set(state):
    led.value(not led.value() if state == "toggle" else state == "on")
    return state


node.run("usb:", "uart:0?tx=0&rx=1&baud=115200")
