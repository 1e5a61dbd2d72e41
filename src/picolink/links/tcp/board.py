"""Opening TCP on MicroPython. Loaded for that, and let go."""

import asyncio
import socket

from ...core.errors import CannotConnect
from ..resolver import address_of
from .link import TcpListener, host_and_port, make

MYPY = False
if MYPY:
    from typing import Any

_core: "Any" = asyncio.core  # type: ignore[attr-defined]  # the stubs lack it


_ENOMEM = 12


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> "Any":
    """Dials `tcp:HOST:PORT`, or listens for `tcp-listen:[HOST]:PORT`."""
    listens = scheme != "tcp"
    host, port = host_and_port(where, 0 if listens else 1)
    try:
        ip = await address_of(host) or "0.0.0.0"
        info = socket.getaddrinfo(ip, port, 0, socket.SOCK_STREAM)[0]
    except OSError as error:
        if error.args[0] == _ENOMEM:
            raise
        raise CannotConnect("the name %s is not known: check it (%s)" % (host, error)) from None
    sock = socket.socket(info[0])
    if listens:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(info[-1])
        except OSError as error:
            sock.close()
            if error.args[0] == _ENOMEM:
                raise
            raise CannotConnect("port %d is in use (%s): choose another" % (port, error)) from None
        sock.listen(4)
        sock.setblocking(False)
        return TcpListener(sock, "tcp-listen:%s:%d" % (host, port), sock, make)
    sock.setblocking(False)
    try:
        sock.connect(info[-1])
    except OSError as error:
        if error.args[0] != 115:  # EINPROGRESS
            sock.close()
            raise
    try:
        await _writable(sock)
        # The outcome of a connect that did not wait: a second one reports it.
        sock.connect(info[-1])
    except OSError as error:
        if error.args[0] not in (106, 127, 120):  # EISCONN, of Linux and lwIP; EALREADY
            sock.close()
            if error.args[0] == _ENOMEM:
                raise
            raise CannotConnect(
                "nobody answers at %s port %d (%s): is the board on, and listening there?"
                % (host, port, error)
            ) from None
    except BaseException:  # cancelled
        sock.close()
        raise
    return make(sock, "tcp:%s:%d" % (host, port))


def _writable(sock: "Any") -> "Any":
    yield _core._io_queue.queue_write(sock)
