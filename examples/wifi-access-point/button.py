# The board with a push button between GP15 and GND: copy it there as main.py.
from picolink import Node

node = Node(
    "button",
    wifi={
        "networks": ["picolink pair", "a good password"],
        "address": "192.168.10.2",
        "gateway": "192.168.10.1",
    },
)
lamp = node.peer("tcp:192.168.10.1")  # connects, and reconnects, by itself


@node.on_pin(15, pull="up", debounce_ms=20)
async def pressed():
    print("the lamp is", await lamp.call("led_set", "toggle"))


node.run("usb:")
