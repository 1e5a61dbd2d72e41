# A template: `picolink install` writes it to a board that has no main.py. Make it yours. The name
# and the links are those of /picolink.json; Node("my-board") and node.run("usb:") name them here.
from machine import ADC, Pin

from picolink import Node

node = Node()
led = Pin("LED", Pin.OUT)
thermometer = ADC(4)  # on the chip itself


@node.command(state="on|off|toggle|?", help="The lamp on the board")
def led_set(state="?"):
    if state == "toggle":
        led.toggle()
    elif state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


@node.reading("temperature", unit="°C", every_s=5)
def temperature():
    volts = thermometer.read_u16() * 3.3 / 65535
    return round(27 - (volts - 0.706) / 0.001721, 1)  # RP2040 datasheet, 4.9.5


node.run()
