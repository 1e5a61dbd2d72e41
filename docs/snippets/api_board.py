import asyncio

from machine import Pin

from picolink import Node

node = Node("workshop")
valve = Pin(2, Pin.OUT)


@node.command("seconds: 0..60 s", "level: low|high", help="Opens the valve for a while")
async def water(seconds, level="low"):
    valve.on()
    await asyncio.sleep(seconds)
    valve.off()
    return {"seconds": seconds, "level": level}


@node.command(blocking_s=30, help="Holds everything up")
def measure_slowly():
    return 42


@node.stream("n: 1..1000")
def squares(n):
    for i in range(n):
        yield i * i


@node.reading("light", unit="%", every_s=0.1)
def light():
    return 50


@node.on_pin(15, pull="up", debounce_ms=20)
def pressed():
    node.publish("button", {"pressed": True})


@node.subscribe("setpoint")
def new_setpoint(reading):
    print("the setpoint is", reading.value)


def note(litres):
    with open("used.txt", "w") as file:
        file.write(str(litres))


@node.command("litres: 0..1000 l")
async def save(litres):
    async with node.quiet():
        note(litres)


async def main():
    await asyncio.sleep(3600)


node.run("usb:", "tcp-listen::5263", main())
