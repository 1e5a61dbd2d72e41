# A board that phone apps and plain Bluetooth scripts can use too: copy it there as main.py.
from machine import ADC, Pin

from picolink import Node

node = Node("greenhouse")
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|toggle|?", help="The lamp on the board")
def led_set(state="?"):
    if state == "toggle":
        led.toggle()
    elif state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


@node.reading("temperature", unit="°C", every_s=2)
def temperature():
    return 27 - (ADC(4).read_u16() * 3.3 / 65535 - 0.706) / 0.001721


node.gatt(service=0x1848, characteristic=0x2A56, command="led_set")
node.gatt(service=0x1848, characteristic=0x2A6E, reading="temperature", format="%.1f")

node.run("usb:", "ble-peripheral:")
