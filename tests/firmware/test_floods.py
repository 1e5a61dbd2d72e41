"""What is no frame of ours, a lot of it: the board reads past it at a bounded cost, and serves."""

from __future__ import annotations

import os
import random

import pytest
from emulated.lab import Lab

from picolink.packing import compile_all
from picosim.rp2040.chip import CORE_HZ
from picosim.rp2040.firmware import Firmware

# What is loaded for it, attaching anew, and the call, take 0.4 s of it.
BYTES, MOST_S = (200_000, 3) if os.environ.get("PICOLINK_SOAK") else (20_000, 0.7)
PROGRAM = b"""
from picolink import Node
node = Node("lab")
counted = 0

@node.command
def count():
    global counted
    counted += 1
    return counted

node.run("usb:")
"""
FLOODS = {
    "text": b"Hello, this is a line of text, as long as the ones that a log has\r\n",
    "garbage": random.Random(2).randbytes(BYTES).replace(b"\x03", b""),  # Ctrl-C would be heeded
    "zeros": bytes(1),
    "false heads": b"\x00\x8f\xff",
}


@pytest.mark.parametrize("attached", [True, False], ids=["session", "none"])
@pytest.mark.parametrize("flood", FLOODS)
def test_it_serves_after_a_flood(pico: Firmware, flood: str, attached: bool) -> None:
    libs = {f"lib/{name}": data for name, data in compile_all(["usb"], march="armv6m").items()}
    lab = Lab(pico.path, {"main.py": PROGRAM, **libs})
    lab.connect()
    assert [lab.call("count") for _ in range(2)] == [1, 2]
    if not attached:
        lab.hang_up()
    before = lab.chip.cycles
    part = FLOODS[flood]
    data = (part * (BYTES // len(part) + 1))[:BYTES]
    lab.chip.usb.send(data)
    assert lab.until(lambda: not lab.chip.usb.to_board, 60)
    if not attached:
        lab.connect(60)
    assert lab.call("count") == 3
    core_s = (lab.chip.cycles - before) / CORE_HZ
    print(f"{core_s:.2f} s of the core")
    assert core_s <= MOST_S
    assert lab.call("count") == 4
