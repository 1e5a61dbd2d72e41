"""The README's table of links: what was measured of a real firmware over each (`firmware.json`),
and of Bluetooth on the simulated air.

Alone: `python -m bench.links`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import picolink
from picolink.cli.commands.bench import Figures, measure
from picolink.packing import compile_all
from picosim import BluetoothFaults, World, for_picolink

from . import firmware
from .pinned import pin

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- links: written by `make bench` -->\n", "<!-- links end -->\n"
_BLE_INTERVAL_MS = 30  # what a Linux computer asks for
NOTE = """\
Measured on MicroPython's own firmware for a Pico in an emulated RP2040, by its own time
([how](docs/benchmarks.md#a-real-firmware-in-an-emulated-rp2040)): a call that echoes 32 characters,
and 4 kB in one. *core*: milliseconds that the board's core needs for such a call, for 1 kB to it,
and for 1 kB from it. –: not measured; how fast Wi-Fi is hangs on the air, which is not emulated.
\\* on a simulated air, {interval_ms} ms between a radio's turns; no real radio was measured.
"""
_MAIN = "from picolink import Node\nnode = Node('bench')\nnode.run('ble-peripheral:')\n"
_AIR = "air"


class Link(NamedTuple):
    """A row: what stands in it, and where its figures are from."""

    name: str
    wires: str
    range: str
    duplex: str
    when: str
    measured: str  # a link in `firmware.json`, or _AIR


LINKS = [
    Link("[USB](docs/usb.md)", "the board's cable", "5 m", "full",
         "a computer is beside the board; also powers it", "USB"),
    Link("[TCP over Wi-Fi](docs/wifi.md), or with [a board as access point]"
         "(examples/wifi-access-point/README.md)", "none", "30 m", "full",
         "boards talk to each other, or the computer is elsewhere", "TCP"),
    Link("[UART](docs/uart.md), 115200 baud", "2 and ground", "a few m", "full",
         "two boards, or a Raspberry Pi, share a case", "UART 115200"),
    Link("UART, 921600 baud", "2 and ground", "1 m", "full", "the same, shorter wires",
         "UART 921600"),
    Link("[I2C](docs/i2c.md), 100 kHz", "2 and ground", "under 1 m", "half",
         "the wires are there already, with other chips on them", "I2C 100 kHz"),
    Link("I2C, 400 kHz", "2 and ground", "under 1 m", "half", "the controller honours stretching",
         "I2C 400 kHz"),
    Link("[Bluetooth LE](docs/ble.md)", "none", "10 m", "full",
         "there is no network, or a phone is to see the values", _AIR),
    Link("[MQTT](docs/mqtt.md)", "none", "the Internet", "full",
         "other tools listen too, or boards are behind other networks", "MQTT"),
]  # fmt: skip


def _on_air(each_s: float) -> Figures:
    """Of Bluetooth LE, on virtual boards."""
    for_picolink.install()
    with World(seed=1) as world:
        world.bluetooth.set(BluetoothFaults(interval_ms=_BLE_INTERVAL_MS))
        board = world.board("bench", main=_MAIN, libs=compile_all(["ble", "bench"]))
        board.wait_ready()
        pin(board.process_id, 1)
        with _connected("ble:bench") as there:
            return measure(there, each_s)


def _connected(address: str) -> picolink.Board:
    """The node there, as soon as it listens."""
    end_s = time.monotonic() + 20
    while True:
        try:
            return picolink.connect(address)
        except picolink.CannotConnect:
            if time.monotonic() > end_s:
                raise


def _figures(link: Link, each_s: float) -> tuple[str, str, str, str]:
    """A call, the flow to the board, the one from it, the core's time."""
    if link.measured == _AIR:
        air = _on_air(each_s)
        flows = (_rate(rate / 1000) + "\\*" for rate in (air.to_bytes_s, air.from_bytes_s))
        return f"{air.median_ms:.2g} ms\\*", *flows, "–"  # type: ignore[return-value]
    row = firmware.row(link.measured)
    core = ", ".join(map(firmware.shown, (row.call_work_ms, row.in_work_ms_kb, row.out_work_ms_kb)))
    call = "–" if row.call_ms is None else f"{row.call_ms:.2g} ms"
    return call, _rate(row.in_kb_s), _rate(row.out_kb_s), core


def table(each_s: float) -> str:
    """The table and what is to be known of it, in Markdown."""
    columns = (
        "link | wires | range | duplex | call | to the board | from it | core | choose it when"
    )
    lines = [f"| {columns} |", "|" + " --- |" * 9]
    for link in LINKS:
        figures = " | ".join(_figures(link, each_s))
        lines.append(
            f"| {link.name} | {link.wires} | {link.range} | {link.duplex} | {figures} "
            f"| {link.when} |"
        )
        print(lines[-1], flush=True)
    return "\n".join([*lines, "", NOTE.format(interval_ms=_BLE_INTERVAL_MS)])


def _rate(kilobytes_s: float | None) -> str:
    if kilobytes_s is None:
        return "–"
    digits = 0 if kilobytes_s >= 20 else 1
    return f"{kilobytes_s:,.{digits}f} kB/s"


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
