"""The program of the virtual board that the tests of the host's API talk to, and that board."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from both import SEED
from terminal import Terminal

from picolink.packing import compile_all
from picosim import VirtualBoard, World

PROGRAM = """
import asyncio, time
from picolink import Node

node = Node("bench", max_message_bytes=120_000)
noted = []
begun = []
cancelled = []
told = []

@node.command
def echo(value):
    return value

@node.command
def note(value):
    noted.append(value)
    return value

@node.command
def notes():
    return noted

@node.command
async def slow(ms):
    begun.append(ms)
    try:
        await asyncio.sleep_ms(ms)
    except asyncio.CancelledError:
        cancelled.append(ms)
        raise
    return ms

@node.command
def slow_ones():
    return [begun, cancelled]

@node.command
def fails(text):
    raise ValueError(text)

@node.command("level: 0..100 %", help="Turns the fan")
def fan(level):
    return level

@node.command
def say(text):
    print(text)

@node.stream
def count(n):
    for i in range(n):
        yield i

@node.command
async def call_host(host, command, value):
    try:
        return await node.peer(host).call(command, value)
    except Exception as error:
        return [type(error).__name__, str(error), getattr(error, "traceback", "")]

@node.subscribe("setpoint")
def setpoint(reading):
    told.append(reading.value)
    node.publish("told", reading.value)

taken = [0]

@node.reading("number", unit="items", every_s=0.02, help="Counts itself")
def number():
    taken[0] += 1
    return taken[0]

node.run("usb:", "tcp-listen::5263")
"""


def bench(world: World, name: str = "bench", program: str = PROGRAM) -> VirtualBoard:
    """A board that runs the program and listens on both links."""
    libs = compile_all(["usb", "tcp", "describe", "stats", "time", "log"])
    board = world.board(name, main=program, libs=libs, heap_bytes=4_000_000)
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"listening on tcp-listen:", 10)
    return board


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The world that the board is in."""
    with World(seed=SEED) as world:
        yield world


@pytest.fixture(scope="module")
def board(world: World) -> VirtualBoard:
    """The board, running."""
    return bench(world)


@pytest.fixture(params=["usb", "tcp"])
def address(request: pytest.FixtureRequest, board: VirtualBoard) -> str:
    """The board's address, on either link."""
    return board.usb_path if request.param == "usb" else f"tcp:{board.address}"
