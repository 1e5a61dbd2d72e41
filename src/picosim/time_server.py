"""A time server of the world, for boards that want to know the time; and one that lies."""

from __future__ import annotations

import socket
import time
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picosim.base.events import EventLoop


_1970_S = 2208988800  # seconds from 1900, where NTP begins to count
_SERVER_V4 = 0x24


def answer(question: bytes, unix_ms: int, stratum: int) -> bytes:
    """What an SNTP server answers at a time, in ms since 1970 (RFC 4330, section 5)."""
    seconds = (unix_ms // 1000 + _1970_S) % (1 << 32)
    stamp = pack(">II", seconds, (unix_ms % 1000 << 32) // 1000)
    return (
        pack(">BBBb", _SERVER_V4, stratum, 6, -10) + bytes(12) + stamp + question[40:48] + 2 * stamp
    )


class TimeServer:
    """Serves NTP at `address` ("127.0.0.1:PORT"). Made by `World.time_server`."""

    dead = False
    """It does not answer."""
    ahead_s: float = 0
    """So many seconds it is ahead of the truth."""
    stratum = 1
    """16: it says that it does not know the time; 0: it refuses."""
    asked = 0
    """How often it was."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.setblocking(False)
        self.address = f"127.0.0.1:{self._sock.getsockname()[1]}"
        loop.call(lambda: loop.on_readable(self._sock.fileno(), self._answer))

    def _answer(self) -> None:
        try:
            question, who = self._sock.recvfrom(100)
        except OSError:
            return
        self.asked += 1
        if not self.dead and len(question) >= 48:
            now_ms = int((time.time() + self.ahead_s) * 1000)
            self._sock.sendto(answer(question, now_ms, self.stratum), who)

    def close(self) -> None:
        """End it; from the world's own thread."""
        self._loop.on_readable(self._sock.fileno(), None)
        self._sock.close()
