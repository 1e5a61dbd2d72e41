"""What is no frame of ours, a lot of it: the board reads past it at a bounded cost, and serves."""

from __future__ import annotations

import os
import random

import pytest

from picolink.packing import compile_all
from picolink.sim.rp2040.chip import CORE_HZ
from picolink.sim.rp2040.firmware import Firmware
from picolink.sim.rp2040.lab import Lab

BYTES = 200_000 if os.environ.get("PICOLINK_SOAK") else 20_000
MOST_US_A_BYTE = 15
MOST_BESIDES_S = 0.4  # attaching anew and the call
MOST_MS_A_LINE = 1  # without a session a line is a command: it is looked up, and answered
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
    most_s = BYTES * MOST_US_A_BYTE / 1e6 + MOST_BESIDES_S
    if not attached:
        most_s += data.count(b"\n") * MOST_MS_A_LINE / 1000
    assert core_s <= most_s
    assert lab.call("count") == 4
