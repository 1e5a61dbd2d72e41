"""The cache before a Pico's flash: its arithmetic, and what it costs a real firmware."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("rp2040py", reason="the emulator is not installed (pip install rp2040py)")

from emulated import cache
from emulated.cache import Cache, Lines, miss_cycles
from emulated.lab import Lab

from picolink.packing import compile_all
from picosim.rp2040.firmware import Firmware

FLASH = 0x10000000
WAY = 8192
QUAD_32, CONTINUOUS = 0x005F0300, 0xA0002022

MAIN = b"""
import gc
from picolink import Node
node = Node("lab")
@node.command
def echo(x):
    return x
@node.command
def tidy():
    gc.collect()
node.run("usb:")
"""


def misses(lines: Lines, *addresses: int) -> list[int]:
    return [lines.read(address) for address in addresses]


def test_a_miss_by_the_registers() -> None:
    assert miss_cycles(QUAD_32, CONTINUOUS, 2) == (8 + 4 + 8) * 2
    assert miss_cycles(QUAD_32, CONTINUOUS, 4) == (8 + 4 + 8) * 4


def test_a_miss_fetches_half_a_line() -> None:
    lines = Lines()
    assert misses(lines, FLASH, FLASH + 2, FLASH + 4, FLASH + 6, FLASH) == [1, 0, 1, 0, 0]
    assert misses(lines, FLASH + 12, FLASH + 8, FLASH + 12) == [1, 1, 0]


def test_two_ways_and_the_older_gives_place() -> None:
    lines = Lines()
    one, two, three = FLASH, FLASH + WAY, FLASH + 2 * WAY
    assert misses(lines, one, two, one, two) == [1, 1, 0, 0]
    assert misses(lines, one, three, one, two) == [0, 1, 0, 1]
    assert misses(lines, one, two, three) == [0, 0, 1]


def test_both_halves_leave_with_their_line() -> None:
    lines = Lines()
    assert misses(lines, FLASH, FLASH + 4, FLASH + WAY, FLASH + 2 * WAY) == [1, 1, 1, 1]
    assert misses(lines, FLASH + WAY, FLASH + 4, FLASH) == [0, 1, 1]
    # The half that was not fetched is not that of the line before.
    assert misses(lines, FLASH + 3 * WAY, FLASH + 3 * WAY + 4) == [1, 1]


def test_a_half_joins_its_line_in_the_older_way() -> None:
    lines = Lines()
    assert misses(lines, FLASH, FLASH + WAY, FLASH + 4, FLASH) == [1, 1, 1, 0]
    assert misses(lines, FLASH + WAY, FLASH + 4) == [0, 0]


def test_aliases() -> None:
    lines = Lines()
    reads, fills, neither = 0x11000000, 0x12000000, 0x13000000
    assert misses(lines, reads, reads, FLASH, reads) == [1, 1, 1, 0]
    assert misses(lines, neither, neither + 4, FLASH + 4) == [1, 1, 1]
    assert misses(lines, fills + 8, fills + 8, FLASH + 8) == [1, 1, 0]


def test_a_loop_that_fits_and_one_that_does_not() -> None:
    lines = Lines()
    fits = range(FLASH, FLASH + 2 * WAY, 4)
    assert sum(misses(lines, *fits)) == len(fits)
    assert sum(misses(lines, *fits)) == 0
    lines.flush()
    larger = range(FLASH, FLASH + 3 * WAY, 4)
    assert sum(misses(lines, *larger)) == len(larger)
    assert sum(misses(lines, *larger)) == len(larger)  # the older one gives place: none stays
    lines.flush()
    some = range(FLASH, FLASH + 2 * WAY + 800, 4)  # of 100 lines, three share a place
    misses(lines, *some)
    assert sum(misses(lines, *some)) == 3 * 200


def test_like_sets_of_lines() -> None:
    seed = random.randrange(1 << 32)
    chance, lines = random.Random(seed), Lines()
    sets: dict[int, list[tuple[int, set[int]]]] = {}
    for _ in range(20_000):
        address = FLASH + chance.randrange(5) * WAY + chance.randrange(16) * 4
        tag, half = address >> 3, address >> 2 & 1
        ways = sets.setdefault(tag % cache.SETS, [])
        found = next((line for line in ways if line[0] == tag), (tag, set()))
        missed = half not in found[1]
        found[1].add(half)
        ways[:] = [found, *(line for line in ways if line is not found)][:2]
        assert lines.read(address) == missed, seed


def _costs(pico: Firmware) -> tuple[int, int, int, int, int]:
    libs = {f"lib/{name}": data for name, data in compile_all(["usb"], march="armv6m").items()}
    lab = Lab(pico.path, {"main.py": MAIN, **libs})
    lab.connect()
    text = "x" * 32

    def cycles(waits: Cache | None = None) -> int:
        lab.call("tidy")
        lab.call("echo", text)
        if waits:
            waits.forget()
        start = lab.chip.cycles
        for _ in range(4):
            assert lab.call("echo", text) == text
        return lab.chip.cycles - start

    cycles()
    plain = cycles()
    with Cache(lab.chip, cost=0):
        free = cycles()
    with Cache(lab.chip) as waits:
        assert waits.cost() == 40
        waited = cycles(waits)
    assert waits.lost == waits.misses * 40
    assert 0.8 < waits.hit_rate < 1
    return plain, free, waited, waits.reads, waits.misses


@pytest.mark.timeout(600)
def test_a_call_over_usb_waits_for_the_flash(pico: Firmware) -> None:
    figures = _costs(pico)
    plain, free, waited, _, _ = figures
    assert free == pytest.approx(plain, rel=0.05)  # its loop is like the emulator's
    assert 1.2 < waited / plain < 2.2
    assert _costs(pico) == figures
