"""A board's USB port as programs of this computer have it: a path, and its driver behind it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from picosim.base import system
from picosim.base.events import EventLoop, Timer
from picosim.runner.pty_path import PtyPath
from picosim.runner.usb_port import OPEN_DELAY_S

if TYPE_CHECKING:
    from picosim.rp2040.chip import Chip

TTY_BYTES = 4096 - 128
"""Unread bytes at which a driver of Linux stops asking the board for more."""
FROM_HOST_BYTES = 512
LINE_S = 0.002
"""Of the board's time between two changes of DTR, each a request of its own."""


class FirmwarePort:
    """The path, opened and closed: DTR; the bytes, both ways. `serve()` once a slice."""

    def __init__(self, loop: EventLoop, path: Path, printed: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._printed = printed
        self._pty = PtyPath(loop, path, self._from_host, self._moved)
        self._chip: Chip | None = None
        self._to_host = b""
        self._held = False  # the host's bytes, until the board has taken those before
        self._opening: Timer | None = None
        self._dtr: deque[bool] = deque()  # that the board is to be told yet
        self._told_s = 0.0

    def appear(self, chip: Chip) -> None:
        """The board has told that it is a serial port."""
        self._chip = chip
        self._dtr.clear()
        self._told_s = chip.now_s
        self._pty.appear()

    def vanish(self) -> None:
        """The board is gone from the bus."""
        if self._opening:
            self._opening.cancel()
            self._opening = None
        self._dtr.clear()
        self._to_host = b""
        self._held = False
        self._chip = None
        self._pty.vanish()

    @property
    def there(self) -> bool:
        """Whether it has a path."""
        return self._chip is not None

    def takes(self) -> bool:
        """Whether the driver asks for more: while the port is open, and is read."""
        return (
            self._pty.openers > 0
            and not self._to_host
            and system.pty_unread_bytes(self._pty.slave) < TTY_BYTES
        )

    def received(self, data: bytes) -> None:
        """Takes what the board sent."""
        self._printed(data)
        if self._pty.master >= 0:
            self._to_host += data
            self._write()

    def _write(self) -> None:
        try:
            self._to_host = self._to_host[os.write(self._pty.master, self._to_host) :]
        except BlockingIOError:
            pass

    def serve(self) -> None:
        """What has become possible since."""
        chip = self._chip
        if chip is None:
            return
        if self._dtr and chip.now_s - self._told_s >= LINE_S:
            self._told_s = chip.now_s
            chip.usb.open(self._dtr.popleft())
        if self._to_host:
            self._write()
        chip.usb.block.poll()
        if self._held and not self._waits():
            self._held = False
            self._loop.on_readable(self._pty.master, self._from_host)

    def _waits(self) -> bool:
        # What a program writes comes after its DTR.
        return bool(
            self._chip is None or self._chip.usb.to_board or self._opening or True in self._dtr
        )

    def _from_host(self) -> None:
        if self._waits():
            self._held = True
            self._loop.on_readable(self._pty.master, None)
            return
        try:
            data = os.read(self._pty.master, FROM_HOST_BYTES)
        except OSError:  # nothing there after all
            return
        assert self._chip
        self._chip.usb.send(data)

    def _moved(self, before: int, closed: bool) -> None:
        if self._opening and not self._pty.openers:
            self._opening.cancel()
            self._opening = None
        elif closed and before and not self._opening:
            self._to_host = b""
            self._dtr.append(False)
        if self._pty.openers and (closed or not before) and not self._opening:
            # A program that flushes the port as it opens it has done so by then.
            self._opening = self._loop.after(OPEN_DELAY_S, self._opened)

    def _opened(self) -> None:
        self._opening = None
        self._dtr.append(True)
