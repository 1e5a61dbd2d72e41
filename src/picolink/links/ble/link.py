"""One Bluetooth connection of a board, as a datagram link: a packet is a write or a notification.

What the stack has no room for waits here. MicroPython tells nobody when there is room again, so it
is tried at the next event of the connection, or after a little more than a connection interval.
"""

from io import IOBase
from time import ticks_add, ticks_diff, ticks_ms

from ...core.failure import LinkError
from .advertising import STALLS, WINDOW_BYTES, packet_bytes

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_POLL = 3  # the request of `ioctl` by which streams are polled
_READABLE = 1
_WRITABLE = 4
_AGAIN_MS = 20
_FULL = (12, 11, 16, 114, 120)  # ENOMEM; EAGAIN, EBUSY, EALREADY of Linux and of lwIP


class BleLink(IOBase):
    """`put(packet)` hands it to the stack; `hang_up()` ends the connection."""

    stream = False
    reliable = True  # while it lasts: the radio repeats what is lost
    window_bytes = WINDOW_BYTES
    stalls = STALLS

    def __init__(
        self, address: str, mtu_bytes: int, put: "Callable[[bytes], object]",
        hang_up: "Callable[[], object]",
    ) -> None:  # fmt: skip
        self.address = address
        self.mtu_bytes = self.takes_bytes = packet_bytes(mtu_bytes)
        self.pollable = self
        self.unsent = False
        self.rest = b""
        self.on_text: Callable[[bytes], object] = len
        self.why = ""  # it is over
        self._put = put
        self._hang_up = hang_up
        self._packets: list[bytes] = []
        self._again = True  # it is worth trying to send
        self._again_at_ms: Any = 0  # of `ticks_ms`

    # From the handler of events

    def take(self, packet: bytes) -> None:
        """A packet has come."""
        self._packets.append(packet)
        self._again = True

    def wake(self) -> None:
        """Something has happened on the connection: there may be room."""
        self._again = True

    def end(self, why: str) -> None:
        """It is over."""
        if not self.why:
            self.why = why

    # From the node

    def ioctl(self, request: int, flags: int) -> int:
        """Answers `poll`."""
        if request != _POLL:
            return -1
        if self.why:
            return flags
        ready = _READABLE if self._packets else 0
        if not self.unsent or self._again or ticks_diff(ticks_ms(), self._again_at_ms) >= 0:
            ready |= _WRITABLE
        return ready & flags

    def receive(self) -> "list[bytes]":
        """The packets that have come."""
        packets, self._packets = self._packets, []
        if not packets and self.why:
            raise LinkError(self.why)
        return packets

    def send(self, packet: bytes) -> None:
        """Sends a packet, or keeps it where the stack is full."""
        self.rest = packet
        self.flush()

    def write(self, text: bytes) -> None:
        """There is no text on this link."""

    def flush(self) -> None:
        """Tries again what the stack had no room for."""
        if self.why:
            raise LinkError(self.why)
        packet = self.rest
        if not packet:
            return
        if len(packet) > self.mtu_bytes:
            from .refusal import too_small

            raise too_small(self.mtu_bytes)
        self._again = False
        try:
            self._put(packet)
        except (OSError, MemoryError) as error:
            code = 12 if isinstance(error, MemoryError) else error.args[0]
            if code not in _FULL:
                raise
            self.unsent = True
            self._again_at_ms = ticks_add(ticks_ms(), _AGAIN_MS)
        else:
            self.rest = b""
            self.unsent = False

    def close(self) -> None:
        """Ends the connection."""
        if not self.why:
            self.why = "closed here"
            self._hang_up()
