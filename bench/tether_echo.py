"""A function on a board in tether-mcu's way, which copies it there out of this file."""

from __future__ import annotations

from tether import mcu


@mcu.export  # type: ignore[untyped-decorator, unused-ignore]
def echo(x: str) -> str:
    return x


def connect(path: str) -> None:
    """Puts `echo` onto the board at a serial port."""
    mcu.connect("serial:" + path)
