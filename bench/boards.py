"""The programs that the measured boards run."""

# What a raw link can do at best: one poll, one read, one write, no Python in between.
RAW_USB = """
import sys, select, micropython
micropython.kbd_intr(-1)
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
read = sys.stdin.buffer.read
write = sys.stdout.buffer.write
while True:
    poll.poll()
    write(read(SIZE))
"""

# Once the host sends a byte: COUNT blocks of SIZE out as fast as the link takes them, as many in.
RAW_FLOOD = """
import sys, micropython
micropython.kbd_intr(-1)
readinto = sys.stdin.buffer.readinto
write = sys.stdout.buffer.write
block = bytearray(SIZE)
while True:
    sys.stdin.buffer.read(1)
    for _ in range(COUNT):
        write(block)
    for _ in range(COUNT):
        readinto(block)
    write(b"!")
"""

RAW_TCP = """
import socket, asyncio
async def serve(reader, writer):
    writer.s.setsockopt(6, 1, 1)
    while True:
        data = await reader.read(2048)
        if not data:
            break
        writer.write(data)
        await writer.drain()
async def main():
    await asyncio.start_server(serve, "0.0.0.0", 5264)
    await asyncio.Event().wait()
asyncio.run(main())
"""

NODE = """
import gc
from picolink import Node
node = Node("bench")

@node.command
def echo(value):
    return value

async def flood(count, size, raw):
    import asyncio
    item = bytes(range(256)) * (size // 256) if raw else "x" * (size - 2)
    turn = 7 if raw else 63
    publish = node.publish
    for i in range(count):
        publish("flood", item)
        if not i & turn:
            await asyncio.sleep_ms(0)

@node.command
def flood_later(count, size, raw):
    node.spawn(flood(count, size, raw))

got = 0

@node.subscribe("sink")
def sink(reading):
    global got
    got += 1

@node.command
def received():
    return got

node.run("usb:", "tcp-listen::5263")
"""
