"""What a message costs the board does not hang on what stands in it."""

from __future__ import annotations

import random
import struct

from emulated.lab import Lab

from picolink.packing import compile_all
from picosim.rp2040.chip import CORE_HZ
from picosim.rp2040.firmware import Firmware

BYTES = 2048
CALLS = 8
MOST_APART = 1.5
PROGRAM = b"""
from picolink import Node
node = Node("lab")
node.command(name="size")(len)
node.run("usb:")
"""
CONTENTS = {
    "text": (b"The quick brown fox jumps over the lazy dog. " * BYTES)[:BYTES],
    "random bytes": random.Random(1).randbytes(BYTES),
    "little int32": struct.pack(f"<{BYTES // 4}i", *range(BYTES // 4)),
    "zeros": bytes(BYTES),
}


def test_all_contents_cost_about_the_same(pico: Firmware) -> None:
    libs = {f"lib/{name}": data for name, data in compile_all(["usb"], march="armv6m").items()}
    lab = Lab(pico.path, {"main.py": PROGRAM, **libs})
    lab.connect()
    assert lab.call("size", b"what is loaded once is not measured") == 35
    costs_ms = {}
    for name, data in CONTENTS.items():
        before = lab.chip.cycles
        for _ in range(CALLS):
            assert lab.call("size", data) == BYTES
        costs_ms[name] = (lab.chip.cycles - before) / CORE_HZ * 1000 / CALLS
    print(costs_ms)
    assert max(costs_ms.values()) <= MOST_APART * min(costs_ms.values()), costs_ms
