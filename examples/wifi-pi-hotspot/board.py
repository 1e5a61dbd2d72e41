# The board: joins the Raspberry Pi's own network and calls it. Copy it there as main.py.
from machine import ADC

from picolink import Node

node = Node("greenhouse", wifi=("pi hotspot", "a good password"))
pi = node.peer("tcp:gateway")  # who opened the network: the Pi, at 10.42.0.1
thermometer = ADC(4)  # on the chip itself


@node.reading("temperature", unit="°C", every_s=1)
def temperature():
    volts = thermometer.read_u16() * 3.3 / 65535
    return round(27 - (volts - 0.706) / 0.001721, 1)  # RP2040 datasheet, 4.9.5


node.run("usb:")
