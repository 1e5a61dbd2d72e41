"""The connection to a broker, on MicroPython."""

import asyncio
import gc

from .. import tls_room
from ..buffer import shared

MYPY = False
if MYPY:
    from collections.abc import Callable, Generator
    from typing import Any

_core: "Any" = asyncio.core  # type: ignore[attr-defined]  # the stubs lack it
_READ_BYTES = 2048
sleep = asyncio.sleep


class Wire:
    """A connected socket that never waits."""

    def __init__(self, sock: "Any", below: "Any") -> None:
        sock.setblocking(False)
        shared.least(_READ_BYTES)
        self._sock = sock
        # What is polled: with TLS the socket below, which some ports poll at once, and TLS only
        # every millisecond. TLS is read until it has nothing more.
        self._below = below
        self._tls = sock is not below
        self._open = True
        self._reader: Any = None
        self._writer: Any = None
        self.more = False  # something may be there that polling does not tell

    def read(self) -> "bytes | None":
        """What has come; None where nothing has, b"" at the end."""
        count = self._sock.readinto(shared.view, _READ_BYTES)
        self.more = count is not None and (self._tls or count == _READ_BYTES)
        return None if count is None else bytes(shared.view[:count])

    def write(self, data: "Any") -> int:
        """Sends what is taken at once; returns how many bytes that is."""
        return self._sock.write(data) or 0

    async def greet(self, packet: bytes) -> None:
        """Sends the first packet, after the handshake of TLS."""
        while self.write(packet) < len(packet):  # all or nothing: an empty socket has room
            await ready(self._below, self._tls)
        gc.collect()  # what is made for the connection, and stays, lies low

    def watch(self, callback: "Callable[[], bool]") -> None:
        """Has `callback` called whenever there is something to read, and again where it asks."""
        self._reader = asyncio.create_task(self._watch(callback))

    def _watch(self, callback: "Callable[[], bool]") -> "Generator[Any, Any, None]":
        while self._open:
            yield _core._io_queue.queue_read(self._below)
            while self._open and callback():
                yield from _core.sleep_ms(0)

    def on_writable(self, callback: "Callable[[], object]") -> None:
        """Has `callback` called once, when something can be written."""
        if self._writer is None:
            self._writer = asyncio.create_task(self._writable(callback))

    def _writable(self, callback: "Callable[[], object]") -> "Generator[Any, Any, None]":
        yield _core._io_queue.queue_write(self._below)
        self._writer = None
        if self._open:
            callback()

    def close(self) -> None:
        """Ends it; from within a callback too."""
        if self._open:
            self._open = False
            for task in (self._reader, self._writer):
                if task is not None and _core.cur_task is not task:
                    task.cancel()
            if self._tls:
                tls_room.close(self._sock)
            else:
                self._sock.close()


def ready(sock: "Any", reads: bool) -> "Any":
    """Waits until `sock` has something to read, or takes something."""
    queue = _core._io_queue
    yield queue.queue_read(sock) if reads else queue.queue_write(sock)
