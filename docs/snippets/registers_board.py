from machine import ADC, Pin

from picolink import Node

node = Node("lamp")
led = Pin("LED", Pin.OUT)
thermometer = ADC(4)

node.register(0x00, led.value)


@node.register(0x01, write=False, every_s=1)
def celsius():
    return int(27 - (thermometer.read_u16() * 3.3 / 65535 - 0.706) / 0.001721)


node.run("i2c-target:0/0x43", "usb:")
