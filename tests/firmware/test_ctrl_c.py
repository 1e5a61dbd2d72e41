"""Ctrl-C stops a node's program, whatever it is doing: on real firmware, with its own timers.

The interrupt comes at moments of the board's time that a seed chooses. A program that was stopped
says so and goes on, so that each try needs no new start.
"""

import os
import random

import pytest
from emulated.lab import Lab

from picolink.packing import compile_all
from picosim.rp2040.firmware import Firmware

TRIES = 100 if os.environ.get("PICOLINK_SOAK") else 12
SEED = int(os.environ.get("PICOLINK_SEED", "1"))

PROGRAM = """
import asyncio, hashlib, machine
from picolink import Node
node = Node("lab")
block = bytes(40000)
async def main():
    while True:
        hashlib.sha256(block)  # 25 ms and more in C
        await asyncio.sleep_ms(1)
{more}
stopped = 0
while True:
    try:
        node.run({links}main())
    except KeyboardInterrupt:
        stopped += 1
        print("stopped", stopped)
"""
MORE = {
    "computes": ("", '"usb:", '),
    # The firmware raises a Ctrl-C at the first jump after it came, in a callback too: one of the
    # user's own that jumps can swallow it, whatever runs. This one does not jump.
    "timers": (
        "ticks = bytearray(1)\n"
        "def tick(_):\n    ticks[0] = 1\n"
        "machine.Timer(-1, period=7, callback=tick)\n"
        "machine.Timer(-1, period=13, callback=tick)\n",
        '"usb:", ',
    ),
    "i2c": ("", '"usb:", "i2c-target:0/0x42?sda=4&scl=5", '),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", MORE)
def test_each_one_stops_the_program(pico: Firmware, kind: str) -> None:
    more, links = MORE[kind]
    libs = {f"lib/{k}": v for k, v in compile_all(["usb", "i2c"], march="armv6m").items()}
    main = PROGRAM.format(more=more, links=links).encode()
    lab = Lab(pico.path, {"main.py": main, **libs})
    chance = random.Random(f"{SEED}/{kind}")
    print(f"seed {SEED}")
    lab.wait_text(b"listening on usb:", 20)
    for number in range(1, TRIES + 1):
        end_s = lab.chip.now_s + chance.random() * 0.12  # three times of its timer
        lab.chip.run_until(lambda: lab.chip.now_s >= end_s, 1)  # noqa: B023
        lab.chip.usb.send(b"\x03")
        lab.wait_text(b"stopped %d\r\n" % number, 2)
        lab.wait_text(b"listening on usb:", 20)
        print(number, lab.chip.now_s, flush=True)
