"""Draws the wiring in docs/images from the tables below.

usage: python tools/wiring_svg.py [--check]

As wide as a phone, so that nothing shrinks there; on a ground of its own, so that it is readable
on a light page and on a dark one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH, PITCH, TOP = 360, 30, 72
LEFT_PIN, RIGHT_PIN = 138, 236  # x of the pins that wires end at
LANES = {  # x at which a wire goes up or down
    "gnd": 169, "back": 187, "there": 203, "scl": 187, "sda": 203,
}  # fmt: skip
ROUND = 8

STYLE = """\
text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 13px; fill: #1c2128 }
.title { font-size: 15px; font-weight: bold }
.number { font-size: 11px }
.ground { fill: #ffffff }
.board { fill: #e6f2ea; stroke: #2f6f4f; stroke-width: 2 }
.metal { fill: #c3c9d0; stroke: #6b7480 }
.pin { fill: #ffffff; stroke: #6b7480 }
.wire { fill: none; stroke-width: 3.5; stroke-linecap: round }
.there, .sda { stroke: #b23a08 } .back, .scl { stroke: #1d4ed8 } .gnd { stroke: #1c2128 }
.there-tip, .there-word, .sda-word { fill: #b23a08 }
.back-tip, .back-word, .scl-word { fill: #1d4ed8 }
.there-word, .back-word, .sda-word, .scl-word, .gnd-word { font-weight: bold }
.faint { fill: #59636e }
.thin { stroke-width: 2 }
.resistor { fill: #f3e3c3; stroke: #7a5c1e; stroke-width: 1.5 }
.used { stroke-width: 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.ground { fill: #12161c }
.board { fill: #18301f; stroke: #5fb98a }
.metal { fill: #4b535d; stroke: #8b949e }
.pin { fill: #12161c; stroke: #8b949e }
.there, .sda { stroke: #fb923c } .back, .scl { stroke: #8ab6ff } .gnd { stroke: #e6edf3 }
.there-tip, .there-word, .sda-word { fill: #fb923c }
.back-tip, .back-word, .scl-word { fill: #8ab6ff }
.faint { fill: #9aa4af }
.resistor { fill: #5a4a26; stroke: #d9b56b }
}
"""


class Pin(NamedTuple):
    """A pin that is drawn: its number on the board, what it is, which wire ends there."""

    number: int
    label: str
    wire: str = ""  # "there" and "back" carry data one way, "sda" and "scl" either, "gnd" is ground


class Side(NamedTuple):
    """A board at one side of the drawing, its pins from the top down."""

    title: str
    pins: list[Pin]
    usb: str = ""  # where its USB socket is: "top", "bottom"
    behind: int = 0  # of a second row, behind the first: by how much its numbers differ


#: With the USB socket up, pin 1 is at the top left; turned round, at the bottom right.
PICO = [Pin(1, "GP0 TX", "back"), Pin(2, "GP1 RX", "there"), Pin(3, "GND", "gnd")]
PI = [  # only what is wired is named: beside two rows of pins a name could be either's
    Pin(2, ""), Pin(4, ""), Pin(6, "GND", "gnd"),
    Pin(8, "TXD", "there"), Pin(10, "RXD", "back"), Pin(12, ""),
]  # fmt: skip
PI_TURNED = [  # upside down, so that the odd pins are at the edge; pin 1 is at the bottom
    Pin(11, ""), Pin(9, "GND", "gnd"), Pin(7, ""),
    Pin(5, "SCL", "scl"), Pin(3, "SDA", "sda"), Pin(1, ""),
]  # fmt: skip
PICO_I2C = [Pin(1, "GP0 SDA", "sda"), Pin(2, "GP1 SCL", "scl"), Pin(3, "GND", "gnd")]
OTHER = [Pin(3, "GND", "gnd"), Pin(2, "GP1 RX", "back"), Pin(1, "GP0 TX", "there")]

MORE = [Pin(4, "GP2"), Pin(5, "GP3"), Pin(6, "GP4")]

#: file -> (what it shows, left, right)
DRAWINGS = {
    "uart-pi.svg": (
        "Raspberry Pi pin 8 (TXD) to Pico GP1 (RX), pin 10 (RXD) to GP0 (TX), pin 6 to GND",
        Side("Raspberry Pi", PI, behind=-1),
        Side("Pico W", PICO + MORE, usb="top"),
    ),
    "uart-picos.svg": (
        "GP0 (TX) of each Pico to GP1 (RX) of the other, GND to GND",
        Side("Pico W", [*reversed(MORE), *OTHER], usb="bottom"),
        Side("Pico W", PICO + MORE, usb="top"),
    ),
    "i2c-pi.svg": (
        "Raspberry Pi pin 3 (SDA) to Pico GP0, pin 5 (SCL) to GP1, pin 9 to GND",
        Side("Raspberry Pi", PI_TURNED, behind=1),
        Side("Pico W", PICO_I2C + MORE, usb="top"),
    ),
    "i2c-picos.svg": (
        "GP0 (SDA) of each Pico to GP0 of the other, GP1 (SCL) to GP1, GND to GND; a resistor of "
        "4.7 kOhm from SDA to 3V3, and one from SCL",
        Side("Pico W", [*reversed(MORE), *reversed(PICO_I2C)], usb="bottom"),
        Side("Pico W", PICO_I2C + MORE, usb="top"),
    ),
}
PULLED_UP = ("i2c-picos.svg",)


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """A word, or nothing where there is none; `y` is the middle of its line."""
    if not words:
        return ""
    return (
        f'<text x="{x:g}" y="{y + 4.5:g}" text-anchor="{anchor}"'
        + (f' class="{kind}"' if kind else "")
        + f">{words}</text>"
    )


def pin(x: float, y: float, number: int, wire: str = "") -> list[str]:
    """A pin with its number in it."""
    kind = f"pin used {wire}" if wire in LANES else "pin"
    return [
        f'<rect x="{x - 11:g}" y="{y - 11:g}" width="22" height="22" rx="4" class="{kind}"/>',
        text(x, y, str(number), "number" if wire in LANES else "number faint", "middle"),
    ]


def board(side: Side, left: bool, rows: int) -> list[str]:
    """A board with its pins towards the middle."""
    x, width = (10, 148) if left else (216, 134)
    bottom = TOP + PITCH * rows - 4
    shapes = []
    if side.usb:
        y = 34 if side.usb == "top" else bottom - 6
        middle = x + width / 2
        shapes.append(f'<rect x="{middle - 17:g}" y="{y}" width="34" height="14" class="metal"/>')
    shapes.append(
        f'<rect x="{x}" y="42" width="{width}" height="{bottom - 42}" rx="8" class="board"/>'
    )
    shapes.append(text(x + width / 2, 22, side.title, "title", "middle"))
    for row, (number, label, wire) in enumerate(side.pins):
        y = TOP + PITCH * row
        said = f"{wire}-word" if wire else "faint"
        if left:
            shapes += pin(LEFT_PIN, y, number, wire)
            if side.behind:
                shapes += pin(LEFT_PIN - 26, y, number + side.behind, "faint")
            shapes.append(text(LEFT_PIN - (44 if side.behind else 18), y, label, said, "end"))
        else:
            shapes += pin(RIGHT_PIN, y, number, wire)
            shapes.append(text(RIGHT_PIN + 18, y, label, said))
    return shapes


def wires(left: Side, right: Side) -> list[str]:
    """The three of them; an arrow's tip is at the end that listens."""
    shapes = []
    ends = {pin.wire: TOP + PITCH * row for row, pin in enumerate(right.pins) if pin.wire}
    for row, (_, _, wire) in enumerate(left.pins):
        if wire:
            y, to = TOP + PITCH * row, ends[wire]
            start = LEFT_PIN + 12 + (7 if wire == "back" else 0)
            end = RIGHT_PIN - 12 - (7 if wire == "there" else 0)
            shapes.append(f'<path d="{bent(start, y, LANES[wire], end, to)}" class="wire {wire}"/>')
            if wire == "there":
                shapes.append(f'<path d="M{end - 4} {to - 7} v14 l11 -7 z" class="there-tip"/>')
            elif wire == "back":
                shapes.append(f'<path d="M{start + 4} {y - 7} v14 l-11 -7 z" class="back-tip"/>')
    return shapes


def pull_ups(right: Side) -> list[str]:
    """A resistor from each data wire up to 3V3."""
    shapes = [text(185, 22, "3V3, 2 × 4.7 kΩ", "number", "middle")]
    for row, (_, _, wire) in enumerate(right.pins):
        if wire in ("sda", "scl"):
            x, y = LANES[wire], TOP + PITCH * row + ROUND
            shapes.append(f'<path d="M{x} 34 V{y}" class="wire {wire} thin"/>')
            shapes.append(f'<rect x="{x - 5}" y="40" width="10" height="22" class="resistor"/>')
    return shapes


def bent(x: int, y: int, lane: int, end: int, to: int) -> str:
    """A path that goes up or down at `lane` only, where no other wire does."""
    if y == to:
        return f"M{x} {y} H{end}"
    turn = ROUND if to > y else -ROUND
    return (
        f"M{x} {y} H{lane - ROUND} q{ROUND} 0 {ROUND} {turn} V{to - turn} "
        f"q0 {turn} {ROUND} {turn} H{end}"
    )


def drawing(name: str) -> str:
    """The SVG of that file."""
    about, left, right = DRAWINGS[name]
    rows = max(len(left.pins), len(right.pins))
    height = TOP + PITCH * rows + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img">',
        f"<title>{about}</title>",
        f"<style>\n{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" rx="10" class="ground"/>',
        *board(left, True, rows),
        *board(right, False, rows),
        *wires(left, right),
        *(pull_ups(right) if name in PULLED_UP else ()),
        "</svg>",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def main() -> None:
    for name in DRAWINGS:
        made, file = drawing(name), IMAGES / name
        if "--check" in sys.argv[1:]:
            if not file.exists() or made != file.read_text("utf-8"):
                raise SystemExit(f"docs/images/{name} is out of date: run tools/wiring_svg.py")
        else:
            IMAGES.mkdir(exist_ok=True)
            file.write_text(made, "utf-8")


if __name__ == "__main__":
    main()
