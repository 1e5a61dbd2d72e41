from picolink import Node

node = Node("door")
shed = node.peer("i2c:0/0x43?sda=0&scl=1&freq=400000")


@node.on_pin(15, pull="up", debounce_ms=20)
async def pressed():
    await shed.call("led_set", "toggle")


node.run("usb:")
