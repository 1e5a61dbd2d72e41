"""Opens the connection to a broker, on MicroPython. A board loads this then, and lets it go."""

import socket

from .. import tls_room
from ..resolver import address_of
from .sockets_board import Wire, ready

MYPY = False
if MYPY:
    from typing import Any


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
        await ready(sock, False)
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
