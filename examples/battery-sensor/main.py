"""A thermometer on a battery: wakes every 15 minutes, delivers, sleeps."""

from machine import ADC

from picolink import Node

node = Node("garden", wifi=("my network", "password"))
thermometer = ADC(4)  # on the chip itself


@node.reading("temperature", unit="°C")
def temperature():
    volts = thermometer.read_u16() * 3.3 / 65535
    return round(27 - (volts - 0.706) / 0.001721, 1)  # RP2040 datasheet, 4.9.5


node.deliver_and_sleep("tcp:192.168.1.2", every_s=900)
