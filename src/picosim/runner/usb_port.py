"""The USB port of a virtual board, as the rp2 port of MicroPython behaves.

Input goes into a ring of 512 bytes with about 200 more on the way; the rest waits on the host.
Ctrl-C, while the program may be interrupted, throws away what was not read. Output: 320 bytes are
taken while the host does not read, then a write waits half a second and comes back short; with
nobody connected writes succeed at once and the newest bytes reach whoever opens the port next.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from picosim.base import system
from picosim.base.events import EventLoop, Timer
from picosim.runner.pty_path import PtyPath

RING_BYTES = 704
OUTPUT_BYTES = 320
STALE_BYTES = 313
STALL_S = 0.5
STALL_WITH_LITTLE_ROOM_S = 0.999
OPEN_DELAY_S = 0.002
"""From the open to the first bytes; a host that flushes as it opens has done so by then."""
SETTLE_S = 0.05
"""A pty with unread bytes in it takes at most this long to show what was added."""
QUICK_RETRY_S = 0.0001


class _Write:
    def __init__(self, data: bytes, answer: Callable[[int], None] | None) -> None:
        self.data = memoryview(data)
        self.answer = answer
        self.taken = 0
        self.deadline: float | None = None
        self.stall_s = STALL_S


class UsbPort:
    """The relay between the port's path and the interpreter's input and output."""

    def __init__(
        self,
        loop: EventLoop,
        path: Path,
        interrupt: Callable[[], bool],
    ) -> None:
        """`interrupt()` raises KeyboardInterrupt on the board; False: it is switched off."""
        self._loop = loop
        self._interrupt = interrupt
        self.input, self._ring = system.one_page_pipe()
        self._waiting = b""  # taken from the host, not yet in the pipe
        self._writes: deque[_Write] = deque()
        self._retry: Timer | None = None
        self._tries = 0
        self._in_flight = 0  # bytes written which the pty may not show yet
        self._before = 0  # what was unread when they were written
        self._settled = 0.0
        self._stale = b""
        self._opening: Timer | None = None
        self._pty = PtyPath(loop, path, self._from_host, self._opened_or_closed)

    def plug(self) -> None:
        """The cable is in (and the board runs): the path appears."""
        self._pty.appear()

    def unplug(self) -> None:
        """The cable is out: whoever had the path open sees it hang up."""
        if self._pty.vanish():
            self._loop.on_writable(self._ring, None)
            self._in_flight = self._before = 0
            self._pump()

    def forget(self) -> None:
        """A hard reset: nothing typed or printed before is remembered."""
        self._waiting = self._stale = b""
        self._writes.clear()
        self._drain()

    # -- from the host to the board

    def _room(self) -> int:
        return RING_BYTES - system.unread_bytes(self.input) - len(self._waiting)

    def _from_host(self) -> None:
        room = self._room()
        if room <= 0:
            # The host's bytes wait with the host until the board has read.
            self._loop.on_readable(self._pty.master, None)
            self._loop.on_writable(self._ring, self._ring_empty)
            return
        try:
            data = os.read(self._pty.master, room)
        except OSError:  # nothing there after all
            return
        at = data.rfind(b"\x03")
        if at >= 0 and self._interrupt():
            self._waiting = b""
            self._drain()
            data = data[at + 1 :]
        self.put(data)

    def put(self, data: bytes) -> None:
        """Put bytes into the board's input."""
        self._waiting += data
        try:
            self._waiting = self._waiting[os.write(self._ring, self._waiting) :]
        except BlockingIOError:
            pass
        if self._waiting:
            self._loop.on_writable(self._ring, self._ring_empty)

    def _ring_empty(self) -> None:
        self._loop.on_writable(self._ring, None)
        self.put(b"")
        if self._pty.master >= 0 and not self._waiting:
            self._loop.on_readable(self._pty.master, self._from_host)

    def _drain(self) -> None:
        count = system.unread_bytes(self.input)
        if count:
            os.set_blocking(self.input, False)
            try:
                os.read(self.input, count)
            except BlockingIOError:
                pass  # the board was quicker
            os.set_blocking(self.input, True)

    # -- from the board to the host

    def write(self, data: bytes, answer: Callable[[int], None] | None = None) -> None:
        """Write for the board; `answer(n)` says how many bytes were taken, perhaps late."""
        self._writes.append(_Write(data, answer))
        self._pump()

    def abandon(self) -> None:
        """The program was interrupted in a write: what of it is left is never sent."""
        self._writes = deque(w for w in self._writes if not w.answer)

    def has_room(self) -> bool:
        """Whether a write could place at least one byte."""
        return not self._pty.openers or (not self._writes and self._unread() < OUTPUT_BYTES)

    @property
    def idle(self) -> bool:
        """Whether all writes are done with."""
        return not self._writes

    def _unread(self) -> int:
        unread = system.pty_unread_bytes(self._pty.slave)
        if self._before and unread >= self._before and time.monotonic() < self._settled:
            return max(unread, self._in_flight)  # nobody read: what was written may come yet
        self._in_flight = unread
        self._before = 0
        return unread

    def _pump(self) -> None:
        if self._retry:
            self._retry.cancel()
            self._retry = None
        while self._writes and not self._opening:
            write = self._writes[0]
            if not self._pty.openers:
                self._stale = (self._stale + bytes(write.data))[-STALE_BYTES:]
                write.taken += len(write.data)
                write.data = write.data[:0]
            else:
                room = OUTPUT_BYTES - self._unread()
                if room > 0 and write.data:
                    self._send(write, room)
            if write.data:
                if write.deadline is None:
                    write.deadline = time.monotonic() + STALL_S
                if time.monotonic() < write.deadline:
                    # A pty tells nobody when it is read; a USB host asks once a millisecond too.
                    self._tries += 1
                    wait = QUICK_RETRY_S if self._tries < 20 else 0.001
                    self._retry = self._loop.after(wait, self._pump)
                    return
            self._writes.popleft()
            self._tries = 0
            if write.answer:
                write.answer(write.taken)

    def _send(self, write: _Write, room: int) -> None:
        if write.deadline is None and room < OUTPUT_BYTES:
            write.stall_s = STALL_WITH_LITTLE_ROOM_S
        count = os.write(self._pty.master, write.data[:room])
        write.data = write.data[count:]
        write.taken += count
        self._before = OUTPUT_BYTES - room
        self._in_flight = self._before + count
        now = time.monotonic()
        self._settled = now + SETTLE_S
        write.deadline = now + write.stall_s
        self._tries = 0

    def _opened_or_closed(self, before: int, closed: bool) -> None:
        if closed:
            self._in_flight = self._before = 0
        if self._pty.openers and not before and not self._opening:
            self._opening = self._loop.after(OPEN_DELAY_S, self._send_stale)
        self._pump()

    def _send_stale(self) -> None:
        self._opening = None
        if self._pty.openers and self._stale:
            stale, self._stale = self._stale, b""
            self._writes.appendleft(_Write(stale, None))
        self._pump()
