"""A board's program that catches Ctrl-C and runs its node again: the last run left nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import picolink
from picolink.packing import compile_all
from picosim import World

CPYTHON_ONLY = "virtual boards"
TIMES = 20  # more than a board has timers
MAIN = """
import asyncio
from picolink import Node

node = Node("board", wifi=("lab", "password"))

@node.command
def add(a, b):
    return a + b

async def idle():  # Ctrl-C comes while the event loop waits, or in a task of the node's
    print("serving", stopped)
    while True:
        await asyncio.sleep_ms(3)

stopped = 0
while True:
    try:
        node.run("usb:", "tcp-listen::5263", idle())
    except KeyboardInterrupt:
        stopped += 1
"""
TASKS = """
import asyncio
from picolink import Node

node = Node("board")
beats = []

async def beat(number):
    while True:
        beats[number] += 1
        await asyncio.sleep_ms(3)

async def main():
    before = list(beats)
    for number in range(2):  # one of them may end with Ctrl-C
        beats.append(0)
        asyncio.create_task(beat(len(before) + number))
    while beats[-1] < 5:
        await asyncio.sleep_ms(3)
    gone_on = sum(beats[: len(before)]) - sum(before)
    print("of", len(before), "earlier tasks there came:", gone_on)
    while True:
        await asyncio.sleep_ms(3)

while True:
    try:
        node.run("usb:", main())
    except KeyboardInterrupt:
        pass
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    return World(seed=1)


def test_ctrl_c_leaves_no_link_open(world: World) -> None:
    with world:
        world.access_point("lab", "password")
        board = world.board("board", main=MAIN, libs=compile_all(["usb", "wifi", "tcp"]))
        for number in range(TIMES):
            board.wait_printed(f"serving {number}")
            with open(board.usb_path, "wb", buffering=0) as port:
                port.write(b"\x03")
        board.wait_printed(f"serving {TIMES}")
        for address in (board.usb_path, f"tcp:{board.address}"):
            with picolink.connect(address, timeout_s=20) as node:
                assert node.call("add", 2, 3) == 5
        said = board.log_text()
        assert "no usb" not in said and "no tcp" not in said, said


def test_tasks_of_an_earlier_run_do_not_go_on(world: World) -> None:
    with world:
        board = world.board("board", main=TASKS, libs=compile_all(["usb"]))
        for earlier in (0, 2, 4):
            assert int(board.wait_printed(f"of {earlier} earlier tasks there came:")) == 0
            with open(board.usb_path, "wb", buffering=0) as port:
                port.write(b"\x03")
