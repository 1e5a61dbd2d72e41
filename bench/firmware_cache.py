"""What a call over USB costs a Pico's real firmware, emulated, with and without its flash's cache.

`python -m bench.firmware_cache FIRMWARE.uf2 [--json]`. Without, the flash takes no time, as in the
other benches; with, each miss takes what the flash's bus does (emulated.cache). Takes
some two minutes; the figures are the same on every machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from emulated.cache import Cache
from emulated.lab import Lab

from picolink.packing import compile_all
from picosim.rp2040.chip import CORE_HZ

_KB = 1024
_JOBS: tuple[tuple[str, str, Any], ...] = (
    ("call, 32 characters", "echo", "x" * 32),
    ("1 kB in", "take", bytes(range(256)) * (_KB // 256)),
    ("1 kB out", "bring", _KB),
)
_CALLS = 8
_BOARD = """
import gc
from picolink import Node

node = Node("one")
DATA = bytes(range(256)) * 4

@node.command
def echo(value):
    return value

@node.command
def bring(n):
    return DATA[:n]

@node.command
def take(data):
    return len(data)

@node.command
def tidy():
    gc.collect()

node.run("usb:")
"""


class Row(NamedTuple):
    """What one call costs: the core's cycles, and the milliseconds that it is awake."""

    what: str
    plain_cycles: int
    cycles: int
    plain_ms: float
    ms: float
    reads: int
    misses: int
    hit_rate: float
    miss_cycles: int


def _cycles(lab: Lab, name: str, argument: Any, cache: Cache | None = None) -> int:
    """Of one call, on average, from a tidied heap on."""
    lab.call("tidy")
    lab.call(name, argument)
    if cache:
        cache.forget()
    start = lab.chip.cycles
    for _ in range(_CALLS):
        lab.call(name, argument)
    return (lab.chip.cycles - start) // _CALLS


def measure(lab: Lab) -> Iterator[Row]:
    """All of it, on a board at USB."""
    lab.connect()
    for what, name, argument in _JOBS:
        _cycles(lab, name, argument)
        plain = _cycles(lab, name, argument)
        with Cache(lab.chip) as cache:
            cycles = _cycles(lab, name, argument, cache)
            yield Row(
                what,
                plain,
                cycles,
                plain / CORE_HZ * 1e3,
                cycles / CORE_HZ * 1e3,
                cache.reads // _CALLS,
                cache.misses // _CALLS,
                cache.hit_rate,
                cache.cost(),
            )


_HEAD = (
    "| | cycles, flash takes no time | with the cache's misses | | awake, ms | | reads | misses "
    "| hits |\n|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """The row of a table."""
    return (
        f"| {row.what} | {row.plain_cycles} | {row.cycles} | {row.cycles / row.plain_cycles:.2f}x "
        f"| {row.plain_ms:.1f} | {row.ms:.1f} | {row.reads} | {row.misses} | {row.hit_rate:.1%} |"
    )


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("firmware", type=Path, help=".uf2 of MicroPython for RPI_PICO")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = []
    if not chosen.json:
        print(_HEAD, flush=True)
    libs = compile_all(["usb"], march="armv6m")
    files = {"main.py": _BOARD.encode(), **{f"lib/{name}": data for name, data in libs.items()}}
    for row in measure(Lab(chosen.firmware, files)):
        rows.append(row)
        if not chosen.json:
            print(line(row), flush=True)
    if chosen.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    else:
        print(f"\nA miss takes {rows[0].miss_cycles} cycles.")


if __name__ == "__main__":
    main()
