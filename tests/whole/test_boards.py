"""Whole boards on a virtual clock, the second time in the real MicroPython with its asyncio."""

from both import count
from whole import runner

HEAP_KB = 8000  # of which a world takes most: several nodes, wires, and the oracle's books


def test_every_promise_holds_among_boards():
    runner.check([runner.seed_of(number) for number in range(count(1000))], ("board",))
