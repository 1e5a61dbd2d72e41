"""What runs on a UART's wires, and a computer's serial port at one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from picosim.rp2040.uart import Plug


class Frame(NamedTuple):
    """One byte on a wire, from the edge of its start bit on."""

    value: int
    start_ns: float
    bit_ns: float
    data_bits: int
    bits: int

    @property
    def stop_ns(self) -> float:
        """The middle of its (first) stop bit."""
        return self.start_ns + (1.5 + self.data_bits) * self.bit_ns

    def sampled(self, bit_ns: float, data_bits: int) -> tuple[int, bool]:
        """The byte as who has another idea of a bit's length finds it; and whether it found a
        stop bit where one should be."""
        wave = self.value << 1 | ~0 << self.data_bits + 1
        value = 0
        for bit in range(data_bits):
            value |= (wave >> int((bit + 1.5) * bit_ns / self.bit_ns) & 1) << bit
        return value, bool(wave >> int((data_bits + 1.5) * bit_ns / self.bit_ns) & 1)


class Serial:
    """A computer's serial port at a board's UART, by the board's time. `heard(bytes)` is called
    with each byte that comes."""

    def __init__(self, plug: Plug, baud: int, heard: Callable[[bytes], object]) -> None:
        self.heard = heard
        self.bad = 0  # bytes without a stop bit
        self.breaks = 0
        self._plug = plug
        self._queue: deque[int] = deque()
        self._sending = False
        self.set_baud(baud)
        plug.peer = self

    def set_baud(self, baud: int) -> None:
        """Another rate, from the next byte on."""
        self.baud = baud
        self.bit_ns = 1e9 / baud

    @property
    def queued(self) -> int:
        """Bytes that did not begin yet."""
        return len(self._queue)

    def write(self, data: bytes) -> int:
        """Sends all of it, in its time."""
        self._queue.extend(data)
        if not self._sending:
            self._next()
        return len(data)

    def _next(self) -> None:
        self._sending = bool(self._queue)
        if self._sending:
            now_ns = self._plug.chip.now_ns
            self._plug.hear(Frame(self._queue.popleft(), now_ns, self.bit_ns, 8, 10))
            self._plug.chip.at(now_ns + 10 * self.bit_ns, self._next)

    def hear(self, frame: Frame) -> None:
        """A byte begins."""
        self._plug.chip.at(frame.stop_ns, lambda: self._hear(frame))

    def _hear(self, frame: Frame) -> None:
        value, stopped = frame.sampled(self.bit_ns, 8)
        if not stopped:
            self.bad += 1
        self.heard(bytes((value,)))

    def hear_break(self, low: bool, at_ns: float) -> None:
        """The wire is held low from now on, or no more."""
        self.breaks += low
