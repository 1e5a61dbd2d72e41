"""A board's end of a UART: two pipes and a page of memory shared with its interpreter.

The page holds what the simulator counts (bytes delivered, bytes sent) and what the program has
set; its layout is that of `board/_sim_uart.py`.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable

from picosim.base import system
from picosim.base.events import EventLoop, Timer
from picosim.uart.signal import Setting

MASK = 0x3FFFFFFF
INV_TX = 1
INV_RX = 2
IRQ_TXIDLE = 32
IRQ_BREAK = 512
IRQ_RXIDLE = 4096
FIFO_BYTES = 32
_SETTINGS = "<10I"
_SETTINGS_AT = 16


class UartFiles:
    """The descriptors of one UART for one run of the interpreter."""

    def __init__(self) -> None:
        self.board_in, self.deliver = os.pipe()
        self.take, self.board_out = os.pipe()
        self.memory = os.memfd_create("uart")
        os.ftruncate(self.memory, mmap.PAGESIZE)
        os.set_blocking(self.deliver, False)
        os.set_blocking(self.take, False)

    def of_board(self) -> tuple[int, int, int]:
        """What the interpreter gets."""
        return self.board_in, self.board_out, self.memory

    def close_board(self) -> None:
        """The interpreter has its own copies: its end shows when they close."""
        os.close(self.board_in)
        os.close(self.board_out)

    def of_wires(self) -> tuple[int, int, int]:
        """What the wires get."""
        return self.deliver, self.take, self.memory

    def close(self) -> None:
        """All is over."""
        for fd in self.of_wires():
            os.close(fd)


class BoardEnd:
    """An `End` of a line; `irq(flags)` interrupts the program, `gone()`: the interpreter ended."""

    def __init__(
        self,
        loop: EventLoop,
        fds: tuple[int, ...],
        pins: tuple[int, int] | None,
        irq: Callable[[int], None],
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._deliver, self._take, memory = fds
        self._memory = mmap.mmap(memory, mmap.PAGESIZE)
        # Each counter is stored at once: `struct` writes bytes, and the program reads between them.
        self._counters = memoryview(self._memory)[:8].cast("I")
        self._pins = pins
        self._irq = irq
        self._gone = gone
        self._starts = 0
        self._pending = 0  # taken, not sent yet
        self._closed = False
        self._idle: Timer | None = None
        self._deaf_bytes = 0
        self.overflowed = 0
        self.line_wake: Callable[[], None] = lambda: None
        loop.on_readable(self._take, self._readable)

    def _readable(self) -> None:
        self.line_wake()

    def _count(self, which: int, more: int) -> None:
        self._counters[which] = (self._counters[which] + more) & MASK

    def _set(self) -> tuple[int, ...]:
        return struct.unpack_from(_SETTINGS, self._memory, _SETTINGS_AT)

    def setting(self, sending: bool) -> Setting | None:
        """How the program has set the port up, None where it has not."""
        on, baud, frame, _, _, _, _, _, _, invert = self._set()
        if not on:
            return None
        inverted = bool(invert & (INV_TX if sending else INV_RX))
        return Setting(baud, frame & 0xFF, frame >> 8 & 0xFF, frame >> 16 & 0xFF, inverted)

    def wired(self) -> bool:
        """Whether the wires hang at the pin that the program sends on."""
        return self._pins is None or self._pins[0] == self._set()[3] & 0xFF

    def renewed(self) -> bool:
        """Whether the program has set the port up anew, which drops what was not sent."""
        before, self._starts = self._starts, self._set()[0]
        return before != self._starts

    def take(self) -> bytes:
        """What the program has written since."""
        try:
            data = os.read(self._take, 65536)
        except BlockingIOError:
            return b""
        if not data:
            self._loop.on_readable(self._take, None)
            self._gone()
        self._pending += len(data)
        return data

    def sent(self, count: int) -> None:
        """So many bytes have left the port."""
        self._pending -= count
        self._count(1, count)
        if not self._pending and self._set()[6] & IRQ_TXIDLE:
            self._irq(IRQ_TXIDLE)

    def deliver(self, data: bytes, flags: int = 0) -> None:
        """Bytes have come: into the buffer as far as it goes, what is too much is lost."""
        on, baud, _, pins, size, _, trigger, deaf, _, _ = self._set()
        if not on or (self._pins is not None and self._pins[1] != pins >> 8):
            return
        if deaf:
            room = max(0, FIFO_BYTES - self._deaf_bytes)
            self.overflowed += max(0, len(data) - room)
            data = data[:room]
            self._deaf_bytes += len(data)
        else:
            self._deaf_bytes = 0
        room = max(0, size - system.unread_bytes(self._deliver))
        self.overflowed += max(0, len(data) - room)
        data = data[:room]
        if data:
            try:
                os.write(self._deliver, data)
            except BrokenPipeError:
                return  # the interpreter has just ended: the board is being reset
            self._count(0, len(data))
        if flags & trigger:
            self._irq(flags & trigger)
        if trigger & IRQ_RXIDLE:
            if self._idle:
                self._idle.cancel()
            idle_s = max(0.001, 13 / baud) + 0.001  # a little after the line went quiet
            self._idle = self._loop.after(idle_s, self._is_idle)

    def _is_idle(self) -> None:
        self._idle = None
        self._irq(IRQ_RXIDLE)

    def broken(self) -> None:
        """A break arrives."""
        self.deliver(b"\x00", IRQ_BREAK)

    def close(self) -> None:
        """The interpreter's run is over."""
        if not self._closed:
            self._closed = True
            self._loop.on_readable(self._take, None)
            if self._idle:
                self._idle.cancel()
            self._counters.release()
            self._memory.close()
