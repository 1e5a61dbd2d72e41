from machine import Pin

from picolink import Node

node = Node("shed")
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|toggle", help="The lamp on the board")
def led_set(state):
    led.value(not led.value() if state == "toggle" else state == "on")
    return state


def write(text):
    with open("text.txt", "w") as file:
        file.write(text)


@node.command(help="Keeps a text over resets")
async def remember(text):
    async with node.quiet():  # the target is off the bus while the flash is written
        write(text)


node.run("usb:", "i2c-target:0/0x43?sda=0&scl=1")
