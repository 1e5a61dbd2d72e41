"""What picolink costs a real board: MicroPython's own firmware in an emulated RP2040, in its time.

`python -m bench.firmware RPI_PICO.uf2 [RPI_PICO_W.uf2]` measures and writes `firmware.json`, from
which the README's table of links and a section of docs/benchmarks.md are made; `--json` and
`--table` print instead. Takes some twenty minutes. The figures are the same on every machine, but
those of a Pico W, which hang on when the network says what.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

from emulated.lab import Lab

import picolink
from picolink.packing import compile_all
from picosim import World
from picosim.rp2040.firmware import read

from .firmware_wifi import over_mqtt, over_tcp
from .firmware_wires import BAUDS, SPEEDS_HZ, Row, over_i2c, over_uart, over_usb

KEPT = Path(__file__).parent / "firmware.json"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
TITLE = "A real firmware, in an emulated RP2040"
SERVICES = ["deliver", "describe", "stats", "time", "log", "bench"]

# The answers are small, so that nothing is loaded for them alone.
_PROGRAM = """
import gc, time
gc.collect()
free = gc.mem_free()
started = time.ticks_us()
from picolink import Node
took_us = time.ticks_diff(time.ticks_us(), started)
node = Node(ARGUMENTS)

@node.command
def used():
    gc.collect()
    return free - gc.mem_free()

@node.command
def import_us():
    return took_us

node.run(LINKS)
"""

_COLUMNS = "link | call, ms | core a call, ms | kB/s in | out | core in, ms a kB | out"
_WIDTH = 100
_HOW = """\
Measured by `python -m bench.firmware RPI_PICO.uf2` in an emulated RP2040 at 125 MHz whose cycles
are counted: the same on every machine. The firmware calls itself MicroPython {version}. A call
echoes 32 characters; in and out are 4 kB of every byte value in turn, to the board and from it, in
one call. Core is what a program beside it on the board loses, which can be a turn more
than what the call takes alone. The
computer at the other end takes no time itself, and flash is as fast as memory: a real board's cache
misses come on top. Of TCP and MQTT (a broker without TLS) it is what the core does
for them and for the radio, on a Pico W, and differs a little from run to run; how long a call takes
hangs on the air. Bluetooth, and a board as I2C controller, are not measured."""


class Result(NamedTuple):
    """All that is measured. `wifi_heap_bytes` is None where no Pico W's firmware was given."""

    version: str
    rows: list[Row]
    import_ms: float
    usb_heap_bytes: int
    wifi_heap_bytes: int | None


def measure(path: Path, wifi_path: Path | None, wires: bool = True) -> Result:
    """All of it; without `wires` only what needs USB."""
    libs = compile_all(["usb", *SERVICES], march="armv6m")
    main = _PROGRAM.replace("ARGUMENTS", '"lab"').replace("LINKS", '"usb:"')
    lab = Lab(path, {"main.py": main.encode(), **{f"lib/{n}": data for n, data in libs.items()}})
    lab.connect()
    heap_bytes, import_us = lab.call("used"), lab.call("import_us")
    version = f"v{read(path).version.partition('-')[0]}"
    rows = [over_usb(path)]
    if wires:
        rows += [over_uart(path, baud) for baud in BAUDS]
        rows += [over_i2c(path, hz) for hz in SPEEDS_HZ]
    if wires and wifi_path:
        rows += [over_tcp(wifi_path), over_mqtt(wifi_path)]
    wifi_bytes = _wifi_heap(wifi_path) if wifi_path else None
    return Result(version, rows, import_us / 1000, heap_bytes, wifi_bytes)


def _wifi_heap(path: Path) -> int:
    """Bytes that a node takes which serves USB and Wi-Fi, and has a peer over TCP."""
    main = _PROGRAM.replace("ARGUMENTS", '"lab", wifi=("a network", "its password")')
    main = main.replace("LINKS", '"usb:", "tcp-listen::5263"')
    with World(seed=1) as world:
        libs = compile_all(["usb", "wifi", "tcp"])
        board = world.board("lab", main=main, libs=libs, firmware=path)
        board.wait_ready()
        with picolink.connect(f"tcp:{board.address}", timeout_s=60) as there:
            return int(there.call("used", timeout_s=60))


def kept() -> Result:
    """What was measured last."""
    found: dict[str, Any] = json.loads(KEPT.read_text())
    return Result(**{**found, "rows": [Row(**row) for row in found["rows"]]})


def row(link: str) -> Row:
    """What was measured of one link, as `UART 115200`."""
    return next(row for row in kept().rows if row.link == link)


def shown(figure: float | None) -> str:
    """A figure; – where it was not measured."""
    return "–" if figure is None else f"{figure:.1f}"


def section(result: Result) -> str:
    """The part of docs/benchmarks.md."""
    rows = []
    for row in result.rows:
        figures = (
            row.call_ms, row.call_work_ms, row.in_kb_s, row.out_kb_s, row.in_work_ms_kb,
            row.out_work_ms_kb,
        )  # fmt: skip
        rows.append(f"| {row.link} | " + " | ".join(map(shown, figures)) + " |")
    heap = f"{result.usb_heap_bytes:,} bytes of heap with USB and a session"
    if result.wifi_heap_bytes is not None:
        heap += f", {result.wifi_heap_bytes:,} on a Pico W with USB, Wi-Fi and a peer over TCP"
    taken = f"`from picolink import Node` takes {result.import_ms:.0f} ms, a node {heap}."
    return "\n".join(
        [
            f"## {TITLE}",
            "",
            f"| {_COLUMNS} |",
            "|" + " --- |" * (_COLUMNS.count("|") + 1),
            *rows,
            "",
            *textwrap.wrap(taken, _WIDTH),
            "",
            *textwrap.wrap(_HOW.format(version=result.version), _WIDTH),
            "",
        ]
    )


def main() -> None:
    """Measures, and writes."""
    parser = argparse.ArgumentParser(prog="python -m bench.firmware", description=__doc__)
    parser.add_argument("firmware", type=Path, help=".uf2 of MicroPython for RPI_PICO")
    parser.add_argument("wifi", type=Path, nargs="?", help="the same for RPI_PICO_W")
    parser.add_argument("--json", action="store_true", help="print it, write nothing")
    parser.add_argument("--table", action="store_true", help="print the section, write nothing")
    parser.add_argument("--only-usb", action="store_true", help="no UART, no I2C; writes nothing")
    chosen = parser.parse_args()
    result = measure(chosen.firmware, chosen.wifi, not chosen.only_usb)
    rows = [
        {name: round(x, 4) if isinstance(x, float) else x for name, x in row._asdict().items()}
        for row in result.rows
    ]
    text = json.dumps({**result._asdict(), "rows": rows}, indent=1)
    print(text if chosen.json else section(result))
    if not (chosen.json or chosen.table or chosen.only_usb):
        write(text)


def write(text: str) -> None:
    """Keeps it, and renews the page and the README."""
    from . import links

    KEPT.write_text(text + "\n")
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(f"## {TITLE}\n")
    tail = rest.partition("\n## ")[2]
    PAGE.write_text(head + section(kept()) + ("\n## " + tail if tail else ""), "utf-8")
    links.into_readme(links.table(4))


if __name__ == "__main__":
    main()
