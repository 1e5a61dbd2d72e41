from settings import WORKSHOP  # "tcp:192.168.1.20"

from picolink import Node

node = Node("panel")
workshop = node.peer(WORKSHOP)


@node.command
async def water_now():
    return await workshop.call("water", 0.1, level="high", timeout_s=5)


@node.command
async def light_there():
    reading = await workshop.read("light")
    return [reading.value, reading.unit]


node.run("usb:")
