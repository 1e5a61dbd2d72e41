"""TCP on CPython."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

from ...core.errors import CannotConnect
from .link import TcpLink, TcpListener, host_and_port

_TAKES_BYTES = 16384

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "tcp": (
        "tcp:HOST[:PORT]",
        "dials a node that listens on TCP; PORT is 5263 if left out",
        {},
    ),
    "tcp-listen": (
        "tcp-listen:[HOST][:PORT]",
        "listens on TCP, on all addresses if HOST is left out; several peers at once",
        {},
    ),
}


def make_link(sock: socket.socket, address: str) -> TcpLink:
    """The link of a connection."""

    def read(most: int) -> bytes | None:
        try:
            return sock.recv(most)
        except BlockingIOError:
            return None

    def write(data: bytes) -> int | None:
        try:
            return sock.send(data)
        except BlockingIOError:
            return None

    return TcpLink(sock, address, _TAKES_BYTES, sock.fileno(), read, write)


def open_link(
    scheme: str, where: str, options: dict[str, str], timeout_s: float = 10
) -> TcpLink | TcpListener:
    """Dials `tcp:HOST:PORT`, or listens for `tcp-listen:[HOST]:PORT`. May wait `timeout_s`."""
    if scheme != "tcp":
        return _listen(*host_and_port(where, 0))
    host, port = host_and_port(where)
    try:
        sock = socket.create_connection((host, port), timeout=timeout_s)
    except socket.gaierror:
        raise CannotConnect(f"the name {host!r} is not known: check it, and the network") from None
    except TimeoutError:
        raise CannotConnect(
            f"no answer from {host} port {port} in {timeout_s:g} s: is it on, and in this network?"
        ) from None
    except ConnectionRefusedError:
        raise CannotConnect(
            f"{host} is there, but nothing listens on port {port}: is the node running, "
            f'with "tcp-listen::{port}"?'
        ) from None
    except OSError as error:
        raise CannotConnect(f"no way to {host} port {port}: {error.strerror or error}") from None
    return make_link(sock, f"tcp:{host}:{port}")


def _listen(host: str, port: int) -> TcpListener:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(16)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotConnect(
                f"port {port} is in use: end the program that listens there, or choose another port"
            ) from None
        raise CannotConnect(f"can't listen on {host}:{port}: {error.strerror}") from None
    port = sock.getsockname()[1]
    return TcpListener(sock, f"tcp-listen:{host}:{port}", sock.fileno(), make_link)


async def open_async(scheme: str, where: str, options: dict[str, str]) -> Any:
    """The same, without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, open_link, scheme, where, options)
