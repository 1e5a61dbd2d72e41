"""A board's Bluetooth as its supervisor keeps it: passes on that there are events, and resets."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

from picosim.base.events import EventLoop


class BluetoothPort:
    """Over all boots; `event()` is called when the program is to fetch events."""

    def __init__(
        self, loop: EventLoop, where: tuple[str, int, str], event: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._where = where
        self._event = event
        self._line: socket.socket | None = None

    def used(self) -> None:
        """The program switches its radio on."""
        if self._line is not None:
            return
        host, port, token = self._where
        line = socket.socket()
        try:
            line.connect((host, port))  # loopback: at once, or the world is at its end
        except OSError:
            line.close()
            return
        line.sendall(json.dumps(["power", token]).encode() + b"\n")
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.setblocking(False)
        self._line = line
        self._loop.on_readable(line.fileno(), self._told)

    def dark(self) -> None:
        """The power is gone."""
        self._say(b"d")

    def reset(self) -> None:
        """The program ended."""
        self._say(b"r")

    def _say(self, byte: bytes) -> None:
        if self._line is not None:
            try:
                self._line.send(byte)
            except OSError:
                pass  # the world is at its end

    def _told(self) -> None:
        line = self._line
        if line is None:
            return
        try:
            data = line.recv(256)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._event()
        else:
            self._loop.on_readable(line.fileno(), None)
            line.close()
            self._line = None
