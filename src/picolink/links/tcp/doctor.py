"""Examines a node's TCP port: the name, the way there, who listens. Host only."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Generator, Iterator

from ..host.diagnosis import Step, bad, good, of_node
from ..host.probe import Greeting
from .discover import search
from .host import make_link
from .link import host_and_port

CONNECT_S = 5.0
_ANSWER_MS = 3000
_ATTEMPT = "a picolink node answers"

#: How the first bytes of those begin that often listen where a node was meant.
_KNOWN = {
    b"SSH-": "An SSH server",
    b"HTTP/": "A web server",
    b"220 ": "A mail or file server",
    b"RFB ": "A VNC server",
    b"\x15\x03": "A TLS server",
}


def around() -> list[str]:
    """The nodes that answer in the network."""
    return [node.address for node in search()]


def examine(where: str, options: dict[str, str]) -> Iterator[Step]:
    """Looks at the name, the way there, the port, and who answers."""
    host, port = host_and_port(where)
    sock = yield from reach(
        host, port, "this network does not tell the names of its devices",
        "Use the IP that your router lists for the board (or that its program prints). A name "
        "that ends in .local works only in the same network, with mDNS on this computer.",
        _no_way,
    )  # fmt: skip
    if sock is None:
        return
    yield good(f"{host} is there, and somebody listens on port {port}")
    link = make_link(sock, f"tcp:{host}:{port}")
    try:
        yield _ask(Greeting(link), port)
    finally:
        link.close()


def reach(
    host: str, port: int, otherwise: str, advice: str,
    no_way: Callable[[str, int, OSError], Step],
) -> Generator[Step, None, socket.socket | None]:  # fmt: skip
    """Looks at the name and the way there, and returns the connection; None where a step failed.
    `otherwise`: why the name may not be known, unless it is mistyped; `no_way` says why the
    connection did not come about."""
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except OSError:
        why = f"No name server knows {host!r}: it is mistyped, or {otherwise}."
        yield bad(f"the name {host} is known", "name unknown", why, advice)
        return None
    ip = str(found[0][4][0])
    if ip != host:
        yield good(f"the name {host} is known: {ip}")
    try:
        return socket.create_connection((host, port), timeout=CONNECT_S)
    except OSError as error:
        yield no_way(host, port, error)
        return None


def _no_way(host: str, port: int, error: OSError) -> Step:
    """Why the connection did not come about."""
    if isinstance(error, ConnectionRefusedError):
        return bad(
            f"somebody listens on port {port}", "port closed",
            f"{host} is there, but nothing listens on port {port}: its program is not running, "
            "does not listen on TCP, or listens on another port.",
            f'Let the program there call node.run("tcp-listen::{port}"). `picolink log usb:auto` '
            "shows what it prints, `picolink doctor usb:auto` what it is doing.",
        )  # fmt: skip
    why = f"Nobody answers at {host} in {CONNECT_S:g} s"
    if error.errno == errno.ENETUNREACH:
        why = f"This computer has no way to the network of {host}"
    elif error.errno == errno.EHOSTUNREACH:
        why = f"The network says that nobody has the address {host}"
    elif not isinstance(error, TimeoutError):
        why = f"The connection fails ({error.strerror or error})"
    return bad(
        f"{host} is there", "nobody answers",
        f"{why}: the board is off or not in the Wi-Fi, its address has changed, this computer is "
        "in another network (a guest network, for one), or a firewall drops what is sent. Some "
        "access points forget a program without picolink that sends nothing for minutes.",
        "Look at the board over USB: `picolink doctor usb:auto`, `picolink log usb:auto`. The "
        "router's list has its address. Both must be in the same network.",
    )  # fmt: skip


def _ask(greeting: Greeting, port: int) -> Step:
    """Who answers on the open connection."""
    if greeting.ask(_ANSWER_MS, text_ends=True):
        return of_node(greeting)
    heard = greeting.heard
    if heard:
        who = next((name for start, name in _KNOWN.items() if heard.startswith(start)), "Something")
        line = heard.splitlines()[0]
        shown = (
            f': "{line[:60].decode()}"' if line.isascii() and line.decode().isprintable() else ""
        )
        return bad(
            _ATTEMPT, "something else listens",
            f"{who} that is no picolink node answers there{shown}.",
            f"Check the address and the port: a node listens on 5263 unless told otherwise, and "
            f"{port} was asked.",
        )  # fmt: skip
    if greeting.lost:
        return bad(
            _ATTEMPT, "something else listens",
            f"Whoever listens there does not take us ({greeting.lost}): it is another program, or "
            "a node that has no memory for one more connection.",
            "Check the port; close other programs that are connected to the board, and try again.",
        )  # fmt: skip
    return bad(
        _ATTEMPT, "silence",
        "Somebody listens there, but does not answer: the node is busy in a command that blocks, "
        "or it is another program.",
        "Wait and try again; mark a blocking command with @node.command(blocking_s=...). Check the "
        "port.",
    )  # fmt: skip
