"""The README's table of links: what `picolink bench` measures of a virtual board over each.

Alone: `python -m bench.links`. UART, I2C and Bluetooth keep the real links' pace; USB, TCP and MQTT
are as fast as this computer, and there an RP2040's core is what limits: its time is reckoned.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import picolink
from picolink.cli.benching import Figures, measure
from picolink.packing import compile_all
from picolink.sim import BluetoothFaults, VirtualBoard, World
from picolink.sim.bluetooth import backend

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from brokers import Mosquitto

from . import core_time, rp2040, uart
from .pinned import pin

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- links: written by `make bench` -->\n", "<!-- links end -->\n"
_BLE_INTERVAL_MS = 30  # what a Linux computer asks for
NOTE = """\
Measured with `picolink bench` on virtual boards, at the pace of the real UART, I2C bus and radio
({interval_ms} ms between its turns). *core*: milliseconds that an RP2040's core needs for 1 kB
to it and from it, reckoned; + what its network or radio stack takes besides, which nobody has
measured.
USB, TCP and MQTT are as fast as the computer there, so that the core sets the limit (†).
A call takes some {call_ms:.1f} ms of the core more than stands here.
"""
COLUMNS = ("link", "wires", "range", "duplex", "call", "to the board", "from it", "core",
           "choose it when")  # fmt: skip
_MAIN = "from picolink import Node\nnode = Node('bench')\nnode.run({link!r})\n"


class Link(NamedTuple):
    """A row: what stands in it, and how its figures come about."""

    name: str
    wires: str
    range: str
    duplex: str
    when: str
    opened: Callable[[], Any]  # a context manager that gives the address
    core: str  # of core_time.MEDIA, or "UART"


def _board(world: World, group: str, link: str) -> VirtualBoard:
    libs = compile_all([group, "bench"])
    board = world.board("bench", main=_MAIN.format(link=link), libs=libs)
    board.wait_ready()
    pin(board.process_id, 1)
    return board


@contextmanager
def _usb() -> Iterator[str]:
    with World(seed=1) as world:
        yield _board(world, "usb", "usb:").usb_path


@contextmanager
def _tcp() -> Iterator[str]:
    with World(seed=1) as world:
        yield "tcp:" + _board(world, "tcp", "tcp-listen::5263").address


def _uart(baud: int) -> Callable[[], Any]:
    @contextmanager
    def opened() -> Iterator[str]:
        with World(seed=1) as world:
            wire = world.uart(_board(world, "uart", f"uart:0?baud={baud}").uart(0))
            pin(wire.process_id, 0)
            yield f"uart:{wire.path}?baud={baud}"

    return opened


def _i2c(baudrate: int) -> Callable[[], Any]:
    @contextmanager
    def opened() -> Iterator[str]:
        with World(seed=1) as world:
            board = _board(world, "i2c", "i2c-target:0/0x43?sda=0&scl=1")
            world.i2c_host(1, board.i2c(0, 0, 1), baudrate=baudrate, controller="gpio")
            yield "i2c:1/0x43"

    return opened


@contextmanager
def _ble() -> Iterator[str]:
    backend.install()
    with World(seed=1) as world:
        world.bluetooth.set(BluetoothFaults(interval_ms=_BLE_INTERVAL_MS))
        _board(world, "ble", "ble-peripheral:")
        yield "ble:bench"


@contextmanager
def _mqtt() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder)) as broker:
        with World(seed=1) as world:
            _board(world, "mqtt", broker.address)
            yield f"{broker.address}/bench"


_WHEN = {
    "usb": "a computer is beside the board; also powers it",
    "tcp": "boards talk to each other, or the computer is elsewhere",
    "ap": "there is no router: a board opens the network",
    "uart": "two boards, or a Raspberry Pi, share a case",
    "i2c": "the wires are there already, with other chips on them",
    "ble": "there is no network, or a phone is to see the values",
    "mqtt": "other tools listen too, or boards are behind other networks",
}
LINKS = [
    Link("[USB](docs/usb.md)", "the board's cable", "5 m", "full", _WHEN["usb"], _usb, "USB"),
    Link("[TCP over Wi-Fi](docs/wifi.md), or with [a board as access point]"
         "(examples/wifi-access-point/README.md)", "none", "30 m", "full", _WHEN["tcp"], _tcp,
         "TCP"),
    Link("[UART](docs/uart.md), 115200 baud", "2 and ground", "a few m", "full", _WHEN["uart"],
         _uart(115200), "UART"),
    Link("UART, 921600 baud", "2 and ground", "1 m", "full", "the same, shorter wires",
         _uart(921600), "UART"),
    Link("[I2C](docs/i2c.md), 100 kHz", "2 and ground", "under 1 m", "half", _WHEN["i2c"],
         _i2c(100_000), "I2C"),
    Link("I2C, 400 kHz", "2 and ground", "under 1 m", "half", "the controller honours stretching",
         _i2c(400_000), "I2C"),
    Link("[Bluetooth LE](docs/ble.md)", "none", "10 m", "full", _WHEN["ble"], _ble,
         "Bluetooth LE"),
    Link("[MQTT](docs/mqtt.md)", "none", "the Internet", "full", _WHEN["mqtt"], _mqtt, "MQTT"),
]  # fmt: skip


def figures(link: Link, each_s: float) -> Figures:
    """Of one link, measured from here."""
    with link.opened() as address, _connected(address) as board:
        return measure(board, each_s)


def _connected(address: str) -> picolink.Board:
    """The node there, as soon as it listens."""
    end_s = time.monotonic() + 20
    while True:
        try:
            return picolink.connect(address)
        except picolink.CannotConnect:
            if time.monotonic() > end_s:
                raise


def core_ms(name: str) -> tuple[float, float, bool]:
    """Milliseconds of an RP2040's core a kB in and out; whether the port's own are in it."""
    if name == "UART":
        costs = uart.reckon()
        return sum(cost[1] for cost in costs) / 1000, sum(cost[2] for cost in costs) / 1000, True
    medium = next(medium for medium in core_time.MEDIA if medium.name == name)
    into, out = core_time.reckon(medium)
    return into / 1000, out / 1000, medium.in_us is not None


def table(each_s: float) -> str:
    """The table and what is to be known of it, in Markdown."""
    columns = (
        "link | wires | range | duplex | call | to the board | from it | core | choose it when"
    )
    lines = [f"| {columns} |", "|" + " --- |" * 9]
    for link in LINKS:
        found = figures(link, each_s)
        into, out, whole = core_ms(link.core)
        flows = f"{_rate(found.to_bytes_s, into)} | {_rate(found.from_bytes_s, out)}"
        core = f"{into:.1f}, {out:.1f}" + ("" if whole else "+")
        lines.append(
            f"| {link.name} | {link.wires} | {link.range} | {link.duplex} "
            f"| {found.median_ms:.2g} ms | {flows} | {core} | {link.when} |"
        )
        print(lines[-1], flush=True)
    call_ms = sum(us for _, us in rp2040.reckon()) / 1000
    note = NOTE.format(call_ms=call_ms, interval_ms=_BLE_INTERVAL_MS)
    return "\n".join([*lines, "", note])


def _rate(bytes_s: float, core_ms: float) -> str:
    """What is measured, or what the core allows (marked), if that is less."""
    kilobytes_s = bytes_s / 1000
    mark = ""
    if 1000 / core_ms < kilobytes_s:
        kilobytes_s, mark = 1000 / core_ms, "†"
    digits = 0 if kilobytes_s >= 20 else 1
    return f"{kilobytes_s:,.{digits}f} kB/s{mark}"


def into_readme(text: str) -> None:
    """Puts the table where it stands in the README."""
    page = README.read_text("utf-8")
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    README.write_text(head + BEGIN + text + END + tail, "utf-8")


if __name__ == "__main__":
    pin(os.getpid(), 0)
    quick = "--quick" in sys.argv
    made = table(0.5 if quick else 4)
    if not quick:
        into_readme(made)
