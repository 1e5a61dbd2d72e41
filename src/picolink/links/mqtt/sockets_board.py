"""The connection to a broker, on MicroPython."""

import asyncio
import socket

from .. import tls_room
from ..names import address_of

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
        data: bytes | None = self._sock.read(_READ_BYTES)
        self.more = data is not None and (self._tls or len(data) == _READ_BYTES)
        return data

    def write(self, data: "Any") -> int:
        """Sends what is taken at once; returns how many bytes that is."""
        return self._sock.write(data) or 0

    async def greet(self, packet: bytes) -> None:
        """Sends the first packet, after the handshake of TLS."""
        while self.write(packet) < len(packet):  # all or nothing: an empty socket has room
            await _ready(self._below, self._tls)

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


def _ready(sock: "Any", reads: bool) -> "Any":
    queue = _core._io_queue
    yield queue.queue_read(sock) if reads else queue.queue_write(sock)


async def open_wire(host: str, port: int, secure: "Any") -> Wire:
    """Connects. `secure`: a `tls.Security`, or None."""
    try:
        info = socket.getaddrinfo(await address_of(host), port, 0, socket.SOCK_STREAM)[0]
    except OSError as error:
        from .dialing import no_answer

        raise no_answer(error, host, 0, False) from None
    sock: Any = socket.socket(info[0])
    try:
        sock.setblocking(False)
        try:
            sock.connect(info[-1])
        except OSError as error:
            if error.args[0] != 115:  # EINPROGRESS
                raise
        await _ready(sock, False)
        try:
            sock.connect(info[-1])  # a second one reports what became of the first
        except OSError as error:
            if error.args[0] not in (106, 127, 120):  # EISCONN, of Linux and lwIP; EALREADY
                raise
        sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: not every MicroPython names them
        below = sock
        if secure is not None:
            sock = _wrap(sock, host, secure)
    except OSError as error:
        sock.close()
        from .dialing import no_answer

        raise no_answer(error, host, port, secure is not None) from None
    except BaseException:  # cancelled
        sock.close()
        raise
    return Wire(sock, below)


def _wrap(sock: "Any", host: str, secure: "Any") -> "Any":
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if secure.verify:
        context.verify_mode = ssl.CERT_REQUIRED
        for certificate in secure.authorities:
            context.load_verify_locations(cadata=certificate)
    else:
        context.verify_mode = ssl.CERT_NONE
    return tls_room.wrap(context, sock, host)
