from picolink import Node

node = Node("door")
shed = node.peer("uart:0?tx=0&rx=1&baud=115200")


@node.on_pin(15, pull="up", debounce_ms=20)
async def pressed():
    await shed.call("led_set", "toggle")


node.run("usb:")
