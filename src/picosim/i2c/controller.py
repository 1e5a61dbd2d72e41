"""Controllers: a board's `machine.I2C`, and a program of the host at /dev/i2c-N.

Both ask over a socket, one message a transfer, and get one message for an answer:

    asked     "T", number, count of messages, 2 for a STOP; frequency, timeout in us;
              for each message address, 1 for a read, size; what is written
    answered  number, 0, result (a count, or minus an errno); what was read
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable

from picosim.i2c.medium import Bus
from picosim.i2c.transfer import NACK, STUCK, TIMEOUT, Message, Transfer

HEAD = "<BBBBII"
PART = "<HHH"
ANSWER = "<BBh"
STOP = 2
READ = 1
LONGEST_BYTES = 200_000

#: What a failure is called: by the rp2 port; by Linux for the controller of a Raspberry Pi
#: (i2c-bcm2835), and for one made of two pins (i2c-gpio).
ERRORS = {
    "board": {NACK: errno.EIO, TIMEOUT: errno.ETIMEDOUT, STUCK: errno.ETIMEDOUT},
    "pi": {NACK: errno.EREMOTEIO, TIMEOUT: errno.EIO, STUCK: errno.ETIMEDOUT},
    "gpio": {NACK: errno.ENXIO, TIMEOUT: errno.ETIMEDOUT, STUCK: errno.ETIMEDOUT},
}
#: The longest that a Raspberry Pi's controller waits for a clock held low (the driver's CLKT).
PI_STRETCH_S = 0.035
#: The longest that its driver waits for a transfer.
HOST_TIMEOUT_S = 1.0


class Controller:
    """What comes over one socket, put on the bus."""

    def __init__(
        self,
        bus: Bus,
        line: socket.socket,
        kind: str,
        frequency_hz: float = 0,
        attached: Callable[[], bool] = lambda: True,
    ) -> None:
        self._bus = bus
        self._line = line
        self._kind = kind
        self._frequency_hz = frequency_hz
        self._attached = attached

    def asked(self, data: bytes) -> None:
        """A transfer is wanted."""
        _, number, count, flags, frequency_hz, timeout_us = struct.unpack_from(HEAD, data)
        at = struct.calcsize(HEAD)
        parts = []
        for _ in range(count):
            parts.append(struct.unpack_from(PART, data, at))
            at += struct.calcsize(PART)
        messages = []
        for address, read, size in parts:
            messages.append(
                Message(address, bool(read), b"" if read else data[at : at + size], size)
            )
            at += 0 if read else size
        board = self._kind == "board"
        timeout_s = timeout_us / 1e6 if board else HOST_TIMEOUT_S
        self._bus.transfer(
            Transfer(
                controller=self,
                messages=messages,
                frequency_hz=frequency_hz if board else self._frequency_hz,
                timeout_s=timeout_s,
                stretch_s=PI_STRETCH_S if self._kind == "pi" else timeout_s,
                done=lambda transfer: self._answer(number, transfer),
                stop=bool(flags & STOP),
                buggy=self._kind == "pi",
                probes=board,
                attached=self._attached,
            )
        )

    def gone(self) -> None:
        """The program at the other end has ended."""
        self._bus.forget(self, self._kind == "board")

    def _answer(self, number: int, transfer: Transfer) -> None:
        if transfer.failed:
            result = -ERRORS[self._kind][transfer.failed]
        elif self._kind == "board":
            result = len(transfer.answer) or transfer.written
        else:
            result = len(transfer.messages)
        # As long as was asked for, whatever came of it: the board reads exactly that.
        size = sum(message.size for message in transfer.messages if message.read)
        data = bytes(transfer.answer).ljust(size, b"\x00")
        try:
            self._line.send(struct.pack(ANSWER, number, 0, result) + data)
        except OSError:
            pass  # it has gone meanwhile
