"""A TCP connection as a link, on both interpreters (spec 3)."""

import sys

from ...core.errors import BadAddress, LinkError
from ...core.lengths import Decoder, encode
from ..write_buffer import WriteBuffer

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

PORT = 5263
_TEXT_BYTES = 512  # read at once: the longest text
_MOST_BYTES = 65536
_NO_ROOM = (12, 23, 24, 105)  # ENOMEM, ENFILE, EMFILE, ENOBUFS
_MTU_BYTES = 65536
_TAKES_BYTES = 2048  # of a board


def host_and_port(where: str, least: int = 1) -> tuple[str, int]:
    """`HOST:PORT`, `HOST`, `:PORT` or `[IPv6]:PORT`; BadAddress where a bracket is missing, or the
    port is none. 0, of who listens, is any that is free."""
    host, _, port = where.rpartition(":")
    if not _ or "]" in port or (":" in host and host[0] != "["):
        host, port = where, ""
    if ("[" in host) != ("]" in host):
        raise BadAddress("%s: an IPv6 address stands in brackets, as [::1]:5263" % where)
    try:
        number = int(port or PORT)
    except ValueError:
        number = -1
    if not least <= number < 65536:
        raise BadAddress("the port %r: it is a number up to 65535, 5263 if left out" % port)
    return host.strip("[]"), number


class TcpLink(WriteBuffer):
    """One connection. `read(most)` gives what has come, None where nothing has, b"" at its end;
    `write(data)` sends what the system takes, and says how many bytes that was."""

    stream = True
    reliable = True
    stalls = 20  # before a slow way much may wait, and TCP itself repeats what is lost
    window_bytes = 0
    mtu_bytes = _MTU_BYTES

    def __init__(
        self, sock: "Any", address: str, takes_bytes: int, pollable: "Any",
        read: "Callable[[int], bytes | None]", write: "Callable[[bytes], int | None]",
    ) -> None:  # fmt: skip
        sock.setblocking(False)
        sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY: not every MicroPython names them
        self.sock = sock
        self.address = address
        self.takes_bytes = takes_bytes
        self.pollable = pollable
        self.on_text: Callable[[bytes], object] = len
        self._read = read
        self._write = write  # type: ignore[method-assign, assignment]
        self._decoder = Decoder(takes_bytes)
        self._framed: bool | None = None  # known by the first byte

    def receive(self) -> list[bytes]:
        """The packets that have come."""
        # Of text little at a time: each line of it may be a command, and others wait meanwhile.
        data = self._read(_MOST_BYTES if self._framed else _TEXT_BYTES)
        if not data:
            if data is None:
                return []
            raise LinkError("the connection was closed by the other side")
        if not self._framed:
            if data[0]:
                self.on_text(data)
                return []
            self._framed = True
        try:
            return self._decoder.feed(data)
        except ValueError:
            raise LinkError("what came is no packet: is it a picolink port?") from None

    def send(self, packet: bytes) -> None:
        """Sends a packet, in one write."""
        self.write(encode(packet))

    def close(self) -> None:
        """Closes the connection."""
        self.sock.close()


if sys.implementation.name == "micropython":
    from ..buffer import shared

    def make(sock: "Any", address: str) -> TcpLink:
        """A board's link."""
        shared.least(_TAKES_BYTES + 64)

        def read(most: int) -> "bytes | None":
            view = shared.view
            n = sock.readinto(view[:most])
            return None if n is None else bytes(view[:n])

        return TcpLink(sock, address, _TAKES_BYTES, sock, read, sock.write)


class TcpListener:
    """Makes a link of each connection; `make(sock, address)` does."""

    def __init__(
        self, sock: "Any", address: str, pollable: "Any", make: "Callable[[Any, str], TcpLink]"
    ) -> None:
        self.sock = sock
        self.address = address
        self.pollable = pollable
        self._make = make

    def watch(self, node: "Any", callback: "Callable[[], None]") -> "Any":
        """Has `callback` called when somebody dials. Meanwhile the node is found by its name."""
        from .answering import Answerer

        return Answerer(node, self.address, node.host.watch(self, callback))

    def accept(self) -> TcpLink | None:
        """The link of whoever has dialed."""
        try:
            sock, peer = self.sock.accept()
        except OSError as error:
            if error.args[0] in _NO_ROOM:
                raise
            return None  # it has hung up
        where = "%s:%d" % peer[:2] if isinstance(peer, tuple) else ""
        return self._make(sock, "tcp:" + where)

    def close(self) -> None:
        """Listens no more."""
        self.sock.close()
