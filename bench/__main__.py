"""Measures everything and writes docs/benchmarks.md: `make bench`, or `python -m bench --quick`."""

from __future__ import annotations

import argparse
import asyncio
import platform
from pathlib import Path

from picolink.packing import sizes

from . import others, roundtrip, throughput
from .rp2040 import reckon

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

HEAD = """# Benchmarks

Written by `make bench`; don't edit. Measured on virtual boards (the real MicroPython, on a bare
pty and on loopback TCP), host and board pinned to a processor each, medians of interleaved calls in
one run. Ratios are to the raw link in the same run: a line of 34 bytes written, polled for and read
back, with nothing around it. Absolute times belong to this machine ({machine}).
"""


def main() -> None:
    """Measures and writes the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, no page")
    options = parser.parse_args()
    rounds = 5 if options.quick else 50
    print("round trips ...", flush=True)
    trips, many = asyncio.run(roundtrip.measure(rounds))
    print("throughput ...", flush=True)
    flows = throughput.measure()
    print("others ...", flush=True)
    peers = others.measure()
    page = "\n".join(
        [
            HEAD.format(machine=f"{platform.machine()}, CPython {platform.python_version()}"),
            _trips(trips),
            _many(many),
            _flows(flows),
            _peers(peers),
            _board(),
        ]
    )
    print(page)
    if not options.quick:
        PAGE.write_text(page)


def _trips(trips: dict[str, float]) -> str:
    lines = [
        "## Call round trip, echo of 32 characters",
        "",
        "| | us | to raw |",
        "| --- | --- | --- |",
    ]
    for name, us in trips.items():
        raw = trips[name.split()[0] + " raw"]
        lines.append(f"| {name} | {us:.0f} | {us / raw:.2f} |")
    lines += [
        "",
        "Aims: 1.9 from the sync API, 2.2 from asyncio. The raw pty is slow here (the kernel hands",
        "each write on by a worker thread), loopback TCP is fast: the same work on both sides, about",
        "55 us, weighs three times as much beside it.",
        "",
    ]
    return "\n".join(lines)


def _many(many: dict[int, float]) -> str:
    lines = [
        "## Calls under way at once (asyncio, USB)",
        "",
        "| at once | us per call |",
        "| --- | --- |",
    ]
    lines += [f"| {width} | {us:.0f} |" for width, us in many.items()]
    return "\n".join([*lines, ""])


def _flows(flows: list[tuple[str, int, bool, float, float]]) -> str:
    lines = [
        "## Published messages over USB",
        "",
        "| direction | bytes | as | messages/s | MB/s | dropped |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for direction, size, raw, rate, dropped in flows:
        kind = "raw bytes" if raw else "JSON"
        lines.append(
            f"| {direction} | {size} | {kind} | {rate:,.0f} | {rate * size / 1e6:.1f} "
            f"| {dropped:.1%} |"
        )
    lines += [
        "",
        "The raw bytes are every value from 0 to 255 in turn, so that some 3 % are stuffed. Dropped",
        "is what a board that publishes faster than the link takes out of its full queue, counted",
        "by the subscriber as `missed`. Aims: 100,000 messages/s of 32 bytes, 15 MB/s of raw bytes.",
        "",
    ]
    return "\n".join(lines)


def _peers(peers: dict[str, float | str]) -> str:
    lines = ["## Others, a call over USB", "", "| | us |", "| --- | --- |"]
    for name, value in peers.items():
        lines.append(f"| {name} | {value if isinstance(value, str) else f'{value:.0f}'} |")
    lines += [
        "",
        "They speak to the REPL, through the simulator's faithful port, which costs 80 us more.",
        "",
    ]
    return "\n".join(lines)


def _board() -> str:
    lines = ["## On a board", "", "One call on an RP2040, reckoned from costs measured on its real firmware (us at 125 MHz):", "",
             "| | us |", "| --- | --- |"]  # fmt: skip
    costs = reckon()
    lines += [f"| {what} | {us:.0f} |" for what, us in costs]
    lines += [f"| **in all** | **{sum(us for _, us in costs):.0f}** |", ""]
    lines += [
        "Aim: 3,000. What a board stores, `.mpy` for armv6m at -O3:",
        "",
        "| module | bytes |",
        "| --- | --- |",
    ]
    packed = sizes(["usb"])
    lines += [
        f"| `{name}` | {size:,} |" for name, size in sorted(packed.items(), key=lambda x: -x[1])
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
