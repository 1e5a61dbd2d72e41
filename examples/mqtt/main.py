"""A lamp and a thermometer on a broker, under topics that other programs know already."""

from machine import ADC, Pin

from picolink import Node
from picolink.mqtt import Mqtt

BROKER = "mqtt://broker.local/lab42"

node = Node("bench")
led = Pin("LED", Pin.OUT)
sensor = ADC(4)


@node.reading("temperature", unit="°C", every_s=5)
def temperature():
    return 27 - (sensor.read_u16() * 3.3 / 65535 - 0.706) / 0.001721


@node.command(state="on|off|toggle")
def lamp(state):
    led.value(not led.value() if state == "toggle" else state == "on")
    return "%.1f" % temperature()


broker = Mqtt(BROKER)
broker.command("lab42/onboard_led", lamp, reply="lab42/onboard_temp")
node.run("usb:", broker)
