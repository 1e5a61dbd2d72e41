"""Payload over I2C as a share of what the bus carries, and what looking costs.

Alone: `python -m bench.i2c`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import picolink
from picolink.packing import compile_all
from picosim import World
from picosim.i2c.faults import I2cFaults

from .pinned import pin
from .uart import BOARD, _jobs

SPEEDS_HZ = (100_000, 400_000)
_CHUNK = 8_192
_SECONDS = 5  # of payload for each figure
_IDLE_S = 10.0


#: As from a host, two calls under way at once.
_TWICE = """
import asyncio

@node.command
async def twice(name, n, count):
    one = globals()[name]
    await asyncio.gather(one(n, count // 2), one(n, count - count // 2))

RUN
"""


def measure() -> list[tuple[str, int, float]]:
    """(which way, clock in Hz, share of the bus's payload capacity, which is a byte for nine
    clocks), every byte value in turn."""
    rows = []
    for hz in SPEEDS_HZ:
        with World(seed=1) as world:
            target = _board(world, "target", 'node.run("i2c-target:0/0x43?sda=0&scl=1")')
            bus = world.i2c_host(
                1, target.i2c(0, 0, 1), baudrate=hz, controller="gpio", faults=I2cFaults()
            )
            pin(bus.process_id, 0)
            target.wait_ready()
            with _connect() as host:
                for way, job in _jobs(host):
                    rows.append((way, hz, _share(job, hz)))
        with World(seed=1) as world:
            target = _board(world, "target", 'node.run("i2c-target:0/0x43?sda=0&scl=1")')
            run = f'peer = node.peer("i2c:0/0x43?sda=0&scl=1&freq={hz}")\nnode.run("usb:")'
            caller = _board(world, "controller", run)
            bus = world.i2c(target.i2c(0, 0, 1), caller.i2c(0, 0, 1), pull_ups=True)
            pin(bus.process_id, 0)
            with picolink.connect(caller.usb_path, timeout_s=20) as host:
                for way, name in (("to the target", "pass_on"), ("to the controller", "fetch")):

                    def job(count: int, name: str = name, host: Any = host) -> None:
                        host.call("twice", name, _CHUNK, count, timeout_s=120)

                    rows.append((f"board to board, {way}", hz, _share(job, hz)))
    return rows


def idle() -> list[tuple[int, float]]:
    """(clock in Hz, share of the bus's bits that an attached session takes where nothing is
    said), keepalives among them."""
    rows = []
    for hz in SPEEDS_HZ:
        with World(seed=1) as world:
            target = _board(world, "target", 'node.run("i2c-target:0/0x43?sda=0&scl=1")')
            bus = world.i2c_host(1, target.i2c(0, 0, 1), baudrate=hz, controller="gpio")
            target.wait_ready()
            with _connect() as host:
                host.call("take", b"awake")
                time.sleep(1)  # after traffic it looks more often for a while
                before = bus.counts()
                time.sleep(_IDLE_S)
                after = bus.counts()
            bits = after["bits"] - before["bits"]
            seconds = (after["elapsed_us"] - before["elapsed_us"]) / 1e6
            rows.append((hz, bits / (hz * seconds)))
    return rows


def _board(world: World, name: str, run: str) -> Any:
    main = BOARD.replace("RUN", _TWICE).replace("NAME", name).replace("RUN", run)
    libs = compile_all(["usb", "i2c"])
    made = world.board(name, main=main, libs=libs, heap_bytes=1_000_000)
    pin(made.process_id, 1)
    return made


def _connect() -> picolink.Board:
    end = time.monotonic() + 20
    while True:
        try:
            return picolink.connect("i2c:1/0x43")
        except picolink.CannotConnect:  # it boots
            if time.monotonic() > end:
                raise


def _share(job: Callable[[int], None], hz: int) -> float:
    job(2)  # the first measures the link
    count = max(2, 2 * (hz // 9 * _SECONDS // _CHUNK // 2))
    start = time.perf_counter()
    job(count)
    return count * _CHUNK / (time.perf_counter() - start) / (hz / 9)


Section = tuple[str, str, list[str], list[str]]


def page() -> list[Section]:
    """Sections of docs/benchmarks.md: title, columns, rows, what stands after them."""
    found = {(way, hz): share for way, hz, share in measure()}
    quiet = dict(idle())
    ways = list(dict.fromkeys(way for way, _ in found))
    rows = [
        f"| {way} | " + " | ".join(f"{found[way, hz]:.0%}" for hz in SPEEDS_HZ) + " |"
        for way in ways
    ]
    rows.append("| nothing is said | " + " | ".join(f"{quiet[hz]:.2%}" for hz in SPEEDS_HZ) + " |")
    return [
        (
            "Payload over I2C",
            "which way | " + " | ".join(f"{hz // 1000} kHz" for hz in SPEEDS_HZ),
            rows,
            [
                "Share of what the bus carries, a byte for nine clocks; of what is said, calls of",
                "8 KiB of every byte value in turn, from a host two at once. Aims: 85 % and 65 %",
                "either way, under 1 % where nothing is said (bits on the bus, keepalives among",
                "them). Both at once is half each, since there is one wire for both. `python -m",
                "bench.i2c` measures this alone.",
            ],
        ),
    ]


def main() -> None:
    """Measures, and prints."""
    pin(os.getpid(), 0)
    for way, hz, share in measure():
        print(f"{hz:7} {way:32} {share:6.1%}", flush=True)
    for hz, share in idle():
        print(f"{hz:7} {'idle':32} {share:6.2%}", flush=True)


if __name__ == "__main__":
    main()
