from machine import ADC, Pin

from picolink import Node

node = Node("greenhouse")
led = Pin("LED", Pin.OUT)


@node.command(state="on|off", help="The lamp on the board")
def led_set(state):
    led.value(state == "on")


@node.reading("temperature", unit="°C", every_s=1)
def temperature():
    return 27 - (ADC(4).read_u16() * 3.3 / 65535 - 0.706) / 0.001721


node.run("usb:")
