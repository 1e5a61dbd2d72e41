"""Raises Ctrl-C on a board, from inside a callback of its firmware.

The firmware runs callbacks (of timers, of pins, of I2C) between two steps of the program, in the
same pass as it takes what came over USB: a Ctrl-C is due while the callback runs, and arises at its
first jump, where it is printed and lost. So a callback that USB needs has no jump, and others pass
on what came to them: `except KeyboardInterrupt: schedule(ctrl_c, None)`.
"""

import io
import os

import micropython

MYPY = False
if MYPY:
    from typing import Any


class _OneCtrlC(io.IOBase):
    """A console with a single Ctrl-C to read."""

    count: int | None = None

    def readinto(self, buffer: "Any") -> "int | None":
        buffer[0] = 3
        count = self.count
        self.count = None
        return count

    def write(self, data: "Any") -> int:
        return len(data)

    def ioctl(self, request: int, arg: int) -> int:
        return 0


_console = _OneCtrlC()


def ctrl_c(_: "Any") -> None:
    """Has KeyboardInterrupt arise in the program, even in a call that blocks."""
    # Nothing here jumps: the interrupt would arise here.
    _console.count = 1
    micropython.kbd_intr(3)
    old = os.dupterm(_console)
    os.dupterm_notify(None)
    os.dupterm(old)
