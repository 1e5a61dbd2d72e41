"""Published messages per second, either way over USB (a pty), beside the bare pty."""

from __future__ import annotations

import os
import statistics
import time
import tty
from typing import NamedTuple

import picolink
from picolink.packing import compile_all
from picosim import World

from . import boards
from .pinned import pin

CASES = [  # how many, bytes each, raw bytes or JSON
    (20_000, 32, False),
    (2_500, 1024, True),
    (2_500, 3584, True),
]
ROUNDS = 3  # the machine drifts: bare pty and node take turns, and the median counts
DIRECTIONS = ("board to host", "host to board")


class Flow(NamedTuple):
    """Messages of one size, one way."""

    direction: str
    size_bytes: int
    kind: str
    per_s: float  # that arrived
    dropped: float  # share, at the publisher
    bare_per_s: float  # blocks of this size over the bare pty


def measure() -> list[Flow]:
    """All cases, either way."""
    with World(seed=1) as world:
        node = world.board("node", main=boards.NODE, libs=compile_all(["usb", "tcp"]), usb="pty")
        pin(node.process_id, 1)
        pin(os.getpid(), 0)
        with picolink.connect(node.usb_path) as board:
            rows = [row for case in CASES for row in _flows(world, board, *case)]
    return sorted(rows, key=lambda row: DIRECTIONS.index(row.direction))


def _flows(world: World, board: picolink.Board, count: int, size: int, raw: bool) -> list[Flow]:
    bare: tuple[list[float], ...] = ([], [])
    node: tuple[list[tuple[float, float]], ...] = ([], [])
    with _Bare(world, count, size) as link:
        for _ in range(ROUNDS):
            for rates, rate in zip(bare, link.measure(), strict=True):
                rates.append(rate)
            node[0].append(_from_board(board, count, size, raw))
            node[1].append(_to_board(board, count, size, raw))
    kind = "raw bytes" if raw else "JSON"
    return [
        Flow(direction, size, kind, *statistics.median_low(found), statistics.median(rates))
        for direction, found, rates in zip(DIRECTIONS, node, bare, strict=True)
    ]


class _Bare:
    """A board that writes and reads blocks over its USB with nothing around them."""

    def __init__(self, world: World, count: int, size: int) -> None:
        program = boards.RAW_FLOOD.replace("SIZE", str(size)).replace("COUNT", str(count))
        self._count, self._size = count, size
        self._board = world.board(f"bare-{size}", main=program, usb="pty")
        pin(self._board.process_id, 1)
        self._fd = os.open(self._board.usb_path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)

    def __enter__(self) -> _Bare:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        self._board.kill()

    def measure(self) -> tuple[float, float]:
        """Blocks per second to the host, and to the board."""
        begun = time.perf_counter()
        os.write(self._fd, b"!")
        left = self._count * self._size
        while left:
            left -= len(os.read(self._fd, min(left, 65536)))
        turned = time.perf_counter()
        block = bytes(self._size)
        for _ in range(self._count):
            written = os.write(self._fd, block)
            while written < self._size:
                written += os.write(self._fd, block[written:])
        os.read(self._fd, 1)
        return self._count / (turned - begun), self._count / (time.perf_counter() - turned)


def _from_board(board: picolink.Board, count: int, size: int, raw: bool) -> tuple[float, float]:
    feed = board.subscribe("flood")
    board.call("flood_later", count, size, raw)
    start = time.perf_counter()
    got = missed = 0
    for reading in feed:
        got += 1
        missed += reading.missed
        if got + missed >= count:
            break
    seconds = time.perf_counter() - start
    feed.close()
    return got / seconds, missed / count


def _to_board(board: picolink.Board, count: int, size: int, raw: bool) -> tuple[float, float]:
    item = bytes(range(256)) * (size // 256) if raw else "x" * (size - 2)
    before = board.call("received")
    start = time.perf_counter()
    for _ in range(count):
        board.publish("sink", item, wait_s=5)
    while (got := board.call("received") - before) < count:
        if time.perf_counter() - start > 30:
            break
    seconds = time.perf_counter() - start
    return got / seconds, 1 - got / count
