# The board with a push button between GP15 and GND: copy it there as main.py.
from settings import LAMP, WIFI  # yours to write: see README.md

from picolink import Node

node = Node("button", wifi=WIFI)
lamp = node.peer(LAMP)  # connects, and reconnects, by itself


@node.on_pin(15, pull="up", debounce_ms=20)
async def pressed():
    print("the lamp is", await lamp.call("led_set", "toggle"))


node.run("usb:")
