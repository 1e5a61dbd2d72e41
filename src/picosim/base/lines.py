"""Lines of JSON over a socket, without blocking: how the simulator's processes talk."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from picosim.base.events import EventLoop

Message = list[Any]


class Lines:
    """One end of a socket; `received(message)` is called for each message, `lost()` at its end."""

    def __init__(
        self,
        loop: EventLoop,
        end: socket.socket,
        received: Callable[[Message], None],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._end = end
        self._received = received
        self._lost = lost
        self._rest = b""
        self._unsent = b""
        end.setblocking(False)
        loop.on_readable(end.fileno(), self._read)

    def send(self, *message: Any) -> None:
        """Send one message; kept while the other side is slow."""
        if self._end.fileno() < 0:
            return
        self._unsent += json.dumps(message).encode() + b"\n"
        self._write()

    def close(self) -> None:
        """Close this end."""
        if self._end.fileno() >= 0:
            self._loop.on_readable(self._end.fileno(), None)
            self._loop.on_writable(self._end.fileno(), None)
            self._end.close()

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[self._end.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""
        self._loop.on_writable(self._end.fileno(), self._write if self._unsent else None)

    def _read(self) -> None:
        try:
            data = self._end.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            self._lost()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._received(json.loads(line))
