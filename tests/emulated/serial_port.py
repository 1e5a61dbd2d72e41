"""A computer's serial port at an emulated board's UART."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from picosim.rp2040.uart import Plug
from picosim.rp2040.uart_line import Frame


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
