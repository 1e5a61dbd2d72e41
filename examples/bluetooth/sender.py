# The same as plain_sender.py, with picolink: copy it to another board as main.py.
import asyncio

from picolink import Node

node = Node("sender")
receiver = node.peer("ble:receiver")  # connects, and reconnects, by itself


async def main():
    number = 0
    while True:
        number += 1
        print(await receiver.call("message", "message %d" % number, timeout_s=0))
        await asyncio.sleep(1)


node.run("usb:", main())
