# The board with the lamp and the thermometer.
from machine import ADC, Pin

from picolink import Node

node = Node("greenhouse")
led = Pin("LED", Pin.OUT)
thermometer = ADC(4)
counted = 0


@node.command(state="on|off|toggle|?", help="The lamp on the board")
def led_set(state="?"):
    if state == "toggle":
        led.toggle()
    elif state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


@node.command("step: 1..1000", help="Adds to a counter: what was done twice, or not, would show")
def count_up(step=1):
    global counted
    counted += step
    return counted


@node.reading("temperature", unit="°C", every_s=0.05, help="Of the chip")
def temperature():
    volts = thermometer.read_u16() * 3.3 / 65535
    return round(27 - (volts - 0.706) / 0.001721, 1)


node.run("usb:", "tcp-listen::5263")
