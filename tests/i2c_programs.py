"""Programs of boards for the tests of I2C."""

TARGET = """
from picolink import Node
import gc, time
node = Node("target", max_message_bytes=60_000)

@node.command
def note(i):
    print("noted", i)
    return i

@node.command
def echo(value):
    return value

@node.command
def collect():
    garbage = [bytearray(100) for _ in range(500)]
    del garbage
    gc.collect()

@node.stream
def numbers(n):
    for i in range(n):
        yield i * 3

@node.command
async def save(asks):
    # As a logger does: a write of its file takes a board about 100 ms, and holds its interrupts.
    if asks:
        async with node.quiet():
            write()
    else:
        write()

def write():
    with open("log.bin", "wb") as file:
        file.write(bytes(6000))

@node.command(blocking_s=3)
def block(seconds):
    time.sleep(seconds)
    return "awake"

@node.command
async def back(value):
    return await peer.call("echo", value, timeout_s=30)

peer = node.peer(PEER)
node.run("i2c-target:0/0x43?sda=0&scl=1", *LINKS)
"""

CONTROLLER = """
from picolink import Node
node = Node("controller", max_message_bytes=60_000)
peer = node.peer("i2c:0/0x43?OPTIONS")

@node.command
async def relay(first, n):
    # How many of them are known to be done, and the first of which it is not known.
    for i in range(first, first + n):
        try:
            if await peer.call("note", i, timeout_s=30) != i:
                return i, "wrong"
        except Exception as error:
            return i, type(error).__name__
    return first + n, ""

@node.command
async def gather(n):
    got = []
    async for item in await peer.stream("numbers", n):
        got.append(item)
    return got == [i * 3 for i in range(n)]

@node.command
async def ask(command, *args):
    return await peer.call(command, *args, timeout_s=30)

@node.command
async def name():
    return (await peer.ready(20)).name

@node.command
def why():
    # Why there is no link, "" while there is one.
    return "" if peer.connected else peer.why

@node.command
def echo(value):
    return value

node.run("usb:")
"""
