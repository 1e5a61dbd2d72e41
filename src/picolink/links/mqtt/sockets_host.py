"""The connection to a broker, on CPython."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from ...core.errors import CannotConnect, UsageError
from ..host.forks import on_fork

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux has it
_READ_BYTES = 65536  # no record of TLS is larger, so that nothing stays behind unseen
sleep = asyncio.sleep


class Wire:
    """A connected socket that never waits."""

    more = False

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._open = True
        on_fork(self)

    def read(self) -> bytes | None:
        """What has come; None where nothing has, b"" at the end."""
        try:
            data = self._sock.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        if _QUICKACK is not None:
            # Our system acknowledges at once, which it forgets each time: a broker's may hold the
            # next packet back until then (Nagle's algorithm), for 40 ms.
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        return data

    def write(self, data: Any) -> int:
        """Sends what is taken at once; returns how many bytes that is."""
        try:
            return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0

    async def greet(self, packet: bytes) -> None:
        """Sends the first packet."""
        self.write(packet)  # an empty socket has room

    def watch(self, callback: Callable[[], bool]) -> None:
        """Has `callback` called whenever there is something to read."""
        self._loop.add_reader(self._sock, callback)

    def on_writable(self, callback: Callable[[], object]) -> None:
        """Has `callback` called once, when something can be written."""

        def ready() -> None:
            self._loop.remove_writer(self._sock)
            callback()

        self._loop.add_writer(self._sock, ready)

    def close(self) -> None:
        """Ends it; from within a callback too."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def forked(self) -> None:
        """This is the child of a fork: neither the socket nor the loop is its own."""
        self._open = False
        self._sock.detach()


async def open_wire(host: str, port: int, secure: Any) -> Wire:
    """Connects. `secure`: a `tls.Security`, or None."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise CannotConnect(
            f"the name {host} is not known: check it, and the way to the internet"
        ) from None
    # What a computer trusts takes 50 ms to be read: other links go on meanwhile.
    context = await loop.run_in_executor(None, context_for, secure) if secure is not None else None
    problem: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            problem = error
            continue
        except BaseException:  # cancelled
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            sock = await _wrap(loop, sock, host, context)
        return Wire(sock)
    # asyncio's own text is that a call failed.
    why = os.strerror(problem.errno) if problem is not None and problem.errno else problem
    raise CannotConnect(
        f"no broker answers at {host} port {port} ({why}): is it running, and the address right?"
    )


def context_for(secure: Any) -> ssl.SSLContext:
    """The context of TLS for a `tls.Security`."""
    context = ssl.create_default_context()
    if not secure.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif secure.authorities:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=b"".join(secure.authorities))
        except ssl.SSLError as error:
            raise UsageError(f"the CA's certificate is damaged ({error})") from None
    return context


async def _wrap(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, host: str, context: ssl.SSLContext
) -> ssl.SSLSocket:
    wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                wrapped.do_handshake()
                return wrapped
            except ssl.SSLWantReadError:
                await _until(loop.add_reader, loop.remove_reader, wrapped)
            except ssl.SSLWantWriteError:
                await _until(loop.add_writer, loop.remove_writer, wrapped)
    except BaseException:
        wrapped.close()
        raise


async def _until(add: Any, remove: Any, sock: socket.socket) -> None:
    ready = asyncio.Event()
    add(sock, ready.set)
    try:
        await ready.wait()
    finally:
        remove(sock)
