"""Published messages per second, either way over USB (a pty)."""

from __future__ import annotations

import os
import time

import picolink
from picolink.packing import compile_all
from picolink.sim import World

from . import boards
from .pinned import pin

CASES = [  # how many, bytes each, raw bytes or JSON
    (40_000, 32, False),
    (5_000, 1024, True),
    (5_000, 3584, True),
]


def measure() -> list[tuple[str, int, bool, float, float]]:
    """(direction, bytes, raw, messages/s that arrived, share that was dropped at the publisher)."""
    rows = []
    with World(seed=1) as world:
        node = world.board("node", main=boards.NODE, libs=compile_all(["usb", "tcp"]), usb="pty")
        pin(node.process_id, 1)
        pin(os.getpid(), 0)
        with picolink.connect(node.usb_path) as board:
            for count, size, raw in CASES:
                rows.append(("board to host", size, raw, *_from_board(board, count, size, raw)))
            for count, size, raw in CASES:
                rows.append(("host to board", size, raw, *_to_board(board, count, size, raw)))
    return rows


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
