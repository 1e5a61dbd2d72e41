# The board with a push button between GP15 and GND: copy it there as main.py.
from picolink import Node

node = Node("button")
lamp = node.peer("tcp:lamp.local")  # found by its name, at whatever address the router gives it


@node.on_pin(15, pull="up", debounce_ms=20)
async def pressed():
    print("the lamp is", await lamp.call("led_set", "toggle"))


node.run("usb:")
