"""Measures everything and writes docs/benchmarks.md: `make bench`, or `python -m bench --quick`."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
from pathlib import Path

from picolink.packing import sizes

from . import ble, firmware, i2c, links, mqtt, others, roundtrip, throughput, uart

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

HEAD = """# Benchmarks

Written by `make bench`; don't edit. Measured on virtual boards (the real MicroPython, on a bare
pty and on loopback TCP), host and board pinned to a processor each, medians of interleaved calls in
one run; [last](#a-real-firmware-in-an-emulated-rp2040) what a real board's processor takes. Ratios
are to the raw link in the same run: a line of 34 bytes written, polled for and read back, with
nothing around it. Absolute times belong to this machine ({machine}).
"""


def main() -> None:
    """Measures, and writes the page and the README's table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, no page")
    parser.add_argument("--others", action="store_true", help="only that the others still run")
    options = parser.parse_args()
    if options.others:
        measured = others.measure()
        print(measured)
        sys.exit(any(isinstance(result, str) for result in measured.values()))
    rounds = 5 if options.quick else 50
    print("round trips ...", flush=True)
    trips, many = asyncio.run(roundtrip.measure(rounds))
    print("throughput ...", flush=True)
    flows = throughput.measure()
    print("others ...", flush=True)
    peers = others.measure()
    print("uart ...", flush=True)
    lines = uart.measure()
    print("i2c ...", flush=True)
    buses = i2c.page()
    print("ble ...", flush=True)
    air = ble.measure()
    print("mqtt ...", flush=True)
    brokers = mqtt.page(4 if options.quick else 20)
    print("links ...", flush=True)
    readme = links.table(0.5 if options.quick else 4)
    page = "\n".join(
        [
            HEAD.format(machine=f"{platform.machine()}, CPython {platform.python_version()}"),
            _trips(trips),
            _many(many),
            _flows(flows),
            _uart(lines),
            *(_table(title, columns, rows, *after) for title, columns, rows, after in buses),
            _ble(air),
            *(_table(title, columns, rows, *after) for title, columns, rows, after in brokers),
            _peers(peers),
            firmware.section(firmware.kept()),
            _board(),
        ]
    )
    print(page)
    if not options.quick:
        PAGE.write_text(page)
        links.into_readme(readme)


def _table(title: str, columns: str, rows: list[str], *after: str) -> str:
    rule = "| " + " | ".join("---" for _ in columns.split("|")) + " |"
    lines = [f"## {title}", "", f"| {columns} |", rule, *rows, ""]
    return "\n".join([*lines, *after, ""] if after else lines)


def _trips(trips: dict[str, float]) -> str:
    rows = []
    for name, us in trips.items():
        raw = trips[name.split()[0] + " raw"]
        rows.append(f"| {name} | {us:.0f} | {us / raw:.2f} |")
    return _table(
        "Call round trip, echo of 32 characters",
        "link | us | to raw",
        rows,
        "Aims: 1.9 from the sync API, 2.2 from asyncio. On this machine the raw pty is slow (the",
        "kernel hands each write on by a worker thread) and loopback TCP is fast, so that the same",
        "work at both ends weighs several times as much beside TCP.",
    )


def _many(many: dict[int, float]) -> str:
    rows = [f"| {width} | {us:.0f} |" for width, us in many.items()]
    return _table("Calls under way at once (asyncio, USB)", "at once | us per call", rows)


def _flows(flows: list[throughput.Flow]) -> str:
    rows = []
    for flow in flows:
        rows.append(
            f"| {flow.direction} | {flow.size_bytes} | {flow.kind} | {flow.per_s:,.0f} "
            f"| {flow.per_s * flow.size_bytes / 1e6:.1f} "
            f"| {flow.bare_per_s * flow.size_bytes / 1e6:.1f} "
            f"| {flow.per_s / flow.bare_per_s:.2f} | {flow.dropped:.1%} |"
        )
    return _table(
        "Published messages over USB",
        "direction | bytes | as | messages/s | MB/s | bare pty, MB/s | to bare | dropped",
        rows,
        "The bare pty carries blocks of the same size with nothing around them. The raw bytes are",
        "every value from 0 to 255 in turn, so that some 3 % are stuffed. Dropped is what a board",
        "that publishes faster than the link takes out of its full queue, counted by the",
        "subscriber as `missed`. Aims: 100,000 messages/s of 32 bytes, 15 MB/s of raw bytes.",
    )


def _uart(lines: list[tuple[str, int, float]]) -> str:
    ways = list(dict.fromkeys(way for way, _, _ in lines))
    found = {(way, baud): share for way, baud, share in lines}
    rows = [
        f"| {way} | " + " | ".join(f"{found[way, baud]:.0%}" for baud in uart.BAUDS) + " |"
        for way in ways
    ]
    return _table(
        "Payload over UART",
        "which way | " + " | ".join(f"{baud} baud" for baud in uart.BAUDS),
        rows,
        "Share of what the line carries (a tenth of its baud rate, in bytes/s), calls with 8 KiB",
        "of every byte value in turn, from a host two under way. Aim: 85 % either way. `python -m",
        "bench.uart` measures this alone. Both at once is less: acknowledgements ride on packets",
        "that go their way, and wait for what was written before them.",
    )


def _ble(rows: list[ble.Row]) -> str:
    def shown(row: ble.Row, value: float) -> str:
        return f"{value:.1f} ms" if row.what == ble.ROUND_TRIP else f"{value / 1000:.1f} kB/s"

    return _table(
        "Bluetooth LE",
        "what | connection interval, ms | bare | picolink | ratio",
        [
            f"| {r.what} | {r.interval_ms:g} | {shown(r, r.bare)} | {shown(r, r.picolink)} "
            f"| {r.ratio:.2f} |"
            for r in rows
        ],
        "On the simulated air, where four packets of 251 bytes go either way in an interval. Bare",
        "is a write that the board notifies back, and a flood of notifications or writes of the",
        "same size. Aims: a round trip at most 1.5, a flow at least 0.8. `python -m bench.ble`",
        "measures this alone.",
    )


def _peers(peers: dict[str, float | str]) -> str:
    rows = [f"| {n} | {v if isinstance(v, str) else f'{v:.0f}'} |" for n, v in peers.items()]
    return _table(
        "A call over USB, and others' ways",
        "what | us",
        rows,
        "All through the simulator's faithful port, since the others speak to the REPL; it costs",
        "80 us more than the bare pty above.",
    )


def _board() -> str:
    packed = sorted(sizes(["usb"]).items(), key=lambda item: -item[1])
    return _table(
        "What a board stores (.mpy for armv6m, -O3)",
        "module | bytes",
        [f"| `{name}` | {size:,} |" for name, size in packed],
        "A node with USB loads the first and the link; `starting` only while it starts; the others",
        "when they are first wanted.",
    )


if __name__ == "__main__":
    main()
