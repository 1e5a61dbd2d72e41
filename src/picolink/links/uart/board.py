"""A UART of a board: `uart:0?tx=0&rx=1&baud=115200`.

Nothing here blocks: `any()` is asked before each read, and no more is written than the buffer
takes, which is known from the clock and the baud rate. A frame is read at once when all of it is
there, since each turn of the event loop costs a board as much as 20 bytes take at 921600 baud.
"""

import io
from select import POLLIN, poll
from time import sleep_ms, ticks_diff, ticks_ms

from machine import UART, Pin

from .link import UartLink

MYPY = False
if MYPY:
    from typing import Any

_SPARE_BYTES = 32  # the clock that counts what was sent has steps of a millisecond
_LEAST_BYTES = 16
_open: "list[int]" = []


class Port(io.IOBase):
    """The UART, and what asyncio polls: it is readable once as much is there as is worth it."""

    def __init__(self, uart: "Any", number: int, baud: int, rx_bytes: int, tx_bytes: int) -> None:
        self.uart = uart
        self.clock = ticks_ms
        self.need = _LEAST_BYTES
        self._number = number
        self._baud = baud
        self._buffers = (tx_bytes, rx_bytes)
        self._tx_bytes = tx_bytes - _SPARE_BYTES
        self._most = rx_bytes // 2
        self._pause_ms = 2 + 40000 // baud  # without a byte: what is there is all
        self._there = 0
        self._there_ms: Any = 0
        self._queued = 0  # written, and not yet on the wire
        self._queued_ms: Any = 0
        self._poll = poll()
        self._poll.register(uart, POLLIN)

    def ioctl(self, request: int, flags: int) -> int:
        """For select.poll."""
        if request != 3:
            return -22
        ready = 0
        if flags & 1:
            # `any()` alone would wake the poll that asks here, and the board would never sleep.
            there = self.uart.any() if self._poll.poll(0) else 0
            if there >= self.need or there >= self._most:
                ready = 1
            elif there != self._there:
                self._there = there
                self._there_ms = ticks_ms()
            elif there and ticks_diff(ticks_ms(), self._there_ms) >= self._pause_ms:
                ready = 1
        if flags & 4:
            self._room()
            if not self.ahead():
                ready |= 4
        return ready

    def read(self) -> "bytes | None":
        """What has come."""
        self._there = 0
        there = self.uart.any()
        return self.uart.read(there) if there else None

    def _room(self) -> int:
        passed_ms = ticks_diff(ticks_ms(), self._queued_ms)
        if 0 <= passed_ms < 10000 and self._queued:
            sent = passed_ms * self._baud // 10000
            if sent < self._queued:
                self._queued -= sent
                self._queued_ms += sent * 10000 // self._baud
                return self._tx_bytes - self._queued
        self._queued = 0
        self._queued_ms = ticks_ms()
        return self._tx_bytes

    def write(self, data: bytes) -> int:
        """Writes what the buffer takes; returns how much."""
        room = self._room()
        if room <= 0:
            return 0
        if room < len(data):
            data = data[:room]
        self._queued += len(data)
        return self.uart.write(data) or 0

    def ahead(self) -> bool:
        """Whether as much is written as bridges the longest pauses of a program (25 ms)."""
        return self._queued * 400 > self._baud + 25600

    def can(self, baud: int) -> bool:
        """Whether the UART can do this rate."""
        return 1200 <= baud <= 7812500

    def set_baud(self, baud: int) -> int:
        """Another rate, when all is sent; returns it. What is unread is lost."""
        try:
            self.uart.flush()
        except OSError:
            pass  # the port was slower than it should be
        self.uart.init(baudrate=baud, txbuf=self._buffers[0], rxbuf=self._buffers[1])
        self._baud = baud
        self._pause_ms = 2 + 40000 // baud
        self._queued = 0
        self.need = _LEAST_BYTES
        return baud

    def settle(self) -> None:
        """A moment in which the other side sets its port."""
        sleep_ms(5)

    def close(self) -> None:
        """Ends it, when all is sent."""
        if self._number in _open:
            _open.remove(self._number)
            self.uart.flush()
            self.uart.deinit()


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> UartLink:
    """Opens UART 0 or 1."""
    from .options import settings

    number, baud, pins, rx_bytes, fast = settings(where or "0", options, _open)
    # The most that a peer lets us have under way, and what is said between.
    tx_bytes = max(512, min(4096, max(baud, fast) // 50))
    pins = {name: Pin(pin) for name, pin in pins.items()}
    uart = UART(number, baud, txbuf=tx_bytes, rxbuf=rx_bytes, **pins)
    _open.append(number)
    port = Port(uart, number, baud, rx_bytes, tx_bytes)
    return UartLink(port, port, "uart:%d" % number, baud, rx_bytes, fast)
