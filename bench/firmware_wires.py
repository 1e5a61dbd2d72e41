"""UART and I2C of a Pico's real firmware, emulated: what a call and a kilobyte cost, in its time.

`python -m bench.firmware_wires FIRMWARE.uf2 [--json] [--only uart|i2c]`. At the other end is a
computer that takes no time itself, so that what is measured is the board and the wire. Takes some
minutes; the figures are the same on every machine.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from emulated.host import Host
from emulated.i2c_host import I2cHost
from emulated.lab import Lab
from emulated.together import SerialWire, Together

from picolink.packing import compile_all
from picosim.rp2040.chip import CORE_HZ
from picosim.rp2040.i2c_bus import Bus

BAUDS = (115200, 921600)
SPEEDS_HZ = (100_000, 400_000)
TEXT = "x" * 32
BYTES = 4096
DATA_GIVEN = bytes(range(256)) * (BYTES // 256)
_CALLS = 5
_IDLE_S = 0.2
_TARGET = 0x43

BOARD = """
import asyncio
from picolink import Node

node = Node("one", max_message_bytes=60_000)
DATA = bytes(range(256)) * 32
turns = 0

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
def begin():
    asyncio.create_task(spin())

async def spin():
    global turns
    while True:
        turns += 1
        await asyncio.sleep_ms(0)

@node.command
def turned():
    return turns

@node.command
async def rest():
    await asyncio.sleep(2)

node.run("ADDRESS")
"""


class Row(NamedTuple):
    """What one link at one rate costs. `work`: the share of the core that a program beside it
    loses, in milliseconds; `awake`: what the core does not sleep. None: not measured."""

    link: str
    call_work_ms: float
    in_work_ms_kb: float
    out_work_ms_kb: float
    call_ms: float | None = None
    call_awake_ms: float | None = None
    in_kb_s: float | None = None
    out_kb_s: float | None = None
    in_awake_ms_kb: float | None = None
    out_awake_ms_kb: float | None = None
    idle_awake: float | None = None


class _Bench:
    """A board and a computer on one wire; at USB the lab is both."""

    def __init__(self, lab: Lab, host: Host | Lab) -> None:
        self.lab = lab
        self.host = host
        host.connect()

    def timed(self, name: str, *args: Any) -> tuple[float, float]:
        """Milliseconds that a call takes, and that the core is awake in them."""
        chip = self.lab.chip
        start_s, start = chip.now_s, chip.cycles
        self.host.call(name, *args)
        return (chip.now_s - start_s) * 1e3, (chip.cycles - start) / CORE_HZ * 1e3

    def turns(self, job: Any) -> tuple[float, float]:
        """(milliseconds of `job`, turns of the program beside it in that time)."""
        host, chip = self.host, self.lab.chip
        before, start_s = host.call("turned"), chip.now_s
        job()
        took_ms = (chip.now_s - start_s) * 1e3
        return took_ms, host.call("turned") - before

    def measure(self, link: str) -> Row:
        """All of it."""
        host, chip = self.host, self.lab.chip
        for _ in range(3):  # what is loaded once is not measured
            assert host.call("echo", TEXT) == TEXT
        calls = [self.timed("echo", TEXT) for _ in range(_CALLS)]
        jobs: dict[str, tuple[float, float]] = {}
        for name, argument in (("bring", BYTES), ("take", DATA_GIVEN)):
            host.call(name, argument)
            jobs[name] = self.timed(name, argument)
        host.until(lambda: False, 0.05)
        start_s, start = chip.now_s, chip.cycles
        host.until(lambda: False, _IDLE_S)
        idle = (chip.cycles - start) / CORE_HZ / (chip.now_s - start_s)
        host.call("begin")
        quiet_ms, quiet = self.turns(lambda: host.until(lambda: False, _IDLE_S))
        none_ms, none = self.turns(lambda: None)

        def work_ms(job: Any) -> float:
            """What it takes from the program beside it; reading the counter is left out."""
            took_ms, turns = self.turns(job)
            rate = (quiet - none) / (quiet_ms - none_ms)
            return took_ms - none_ms - (turns - none) / rate

        echoes = work_ms(lambda: [host.call("echo", TEXT) for _ in range(_CALLS)]) / _CALLS
        brought = work_ms(lambda: host.call("bring", BYTES))
        taken = work_ms(lambda: host.call("take", DATA_GIVEN))
        kb = BYTES / 1000
        return Row(
            link,
            call_work_ms=echoes,
            in_work_ms_kb=taken / kb,
            out_work_ms_kb=brought / kb,
            call_ms=sum(call[0] for call in calls) / _CALLS,
            call_awake_ms=sum(call[1] for call in calls) / _CALLS,
            in_kb_s=BYTES / jobs["take"][0],
            out_kb_s=BYTES / jobs["bring"][0],
            in_awake_ms_kb=jobs["take"][1] / kb,
            out_awake_ms_kb=jobs["bring"][1] / kb,
            idle_awake=idle,
        )


def _lab(path: Path, address: str) -> Lab:
    libs = compile_all(["usb", "uart", "i2c"], march="armv6m")
    files = {f"lib/{name}": data for name, data in libs.items()}
    files["main.py"] = BOARD.replace("ADDRESS", address).encode()
    return Lab(path, files)


def over_usb(path: Path) -> Row:
    """A board at a computer's USB."""
    lab = _lab(path, "usb:")
    return _Bench(lab, lab).measure("USB")


def over_uart(path: Path, baud: int) -> Row:
    """A board at a serial port."""
    lab = _lab(path, f"uart:0?baud={baud}")
    together = Together(lab.chip)
    together.wires.append(SerialWire(baud))
    host = Host(together).at_uart(lab.chip.uarts[0], baud)
    return _Bench(lab, host).measure(f"UART {baud}")


def over_i2c(path: Path, hz: int) -> Row:
    """A board as target of a computer."""
    lab = _lab(path, f"i2c-target:0/0x{_TARGET:x}")
    together = Together(lab.chip)
    bus = Bus()
    lab.chip.i2cs[0].join(bus)
    together.wires.append(bus)
    i2c = I2cHost(bus, lab.chip, together, hz)
    together.run_until(lambda: lab.chip.i2cs[0].enabled, 5)
    return _Bench(lab, Host(together).at_i2c(i2c, _TARGET)).measure(f"I2C {hz // 1000} kHz")


_HEAD = (
    "| | a call, ms | work / awake, ms | kB/s in | out | work in, ms/kB | out | awake in, ms/kB "
    "| out | idle, awake |\n|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """The row of a table."""
    return (
        f"| {row.link} | {row.call_ms:.1f} | {row.call_work_ms:.1f} / {row.call_awake_ms:.1f} "
        f"| {row.in_kb_s:.1f} | {row.out_kb_s:.1f} "
        f"| {row.in_work_ms_kb:.1f} | {row.out_work_ms_kb:.1f} "
        f"| {row.in_awake_ms_kb:.1f} | {row.out_awake_ms_kb:.1f} | {row.idle_awake:.0%} |"
    )


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("firmware", type=Path, help=".uf2 of MicroPython for RPI_PICO")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=("uart", "i2c"))
    chosen = parser.parse_args()
    rows = []
    if not chosen.json:
        print(_HEAD, flush=True)
    wires: list[tuple[str, Any, tuple[int, ...]]] = [
        ("uart", over_uart, BAUDS),
        ("i2c", over_i2c, SPEEDS_HZ),
    ]
    for kind, measure, rates in wires:
        for rate in rates if chosen.only in (None, kind) else ():
            rows.append(measure(chosen.firmware, rate))
            if not chosen.json:
                print(line(rows[-1]), flush=True)
    if chosen.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))


if __name__ == "__main__":
    main()
