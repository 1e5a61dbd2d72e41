# The board of the command line's tests.
from machine import Pin

from picolink import Node

node = Node("shed")
led = Pin("LED", Pin.OUT)


@node.command(state="on|off|?", help="The lamp")
def led_set(state="?"):
    if state != "?":
        led.value(state == "on")
    return "on" if led.value() else "off"


@node.command
def echo(*args, **named):
    return [args, named] if named else args[0] if len(args) == 1 else args


@node.command
def fail():
    return {}["nothing"]


@node.command(help="Says a line")
def say(text):
    print(text)


@node.command
async def slow():
    import asyncio

    await asyncio.sleep(30)


@node.stream("n: 0..100")
def count(n):
    yield from range(n)


@node.reading("level", unit="cm", every_s=0.02, help="Of the water")
def level():
    global steps
    steps += 1
    return steps % 7


@node.reading("broken", unit="V")
def broken():
    return float("nan")


steps = 0
node.run("usb:", "tcp-listen::5263")
