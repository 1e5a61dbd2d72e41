"""A peer that attaches as it should, and then sends what no peer should: packets of five kinds."""

from __future__ import annotations

import os
import random
import select
import socket
import time
from collections.abc import Callable, Iterator
from struct import pack

from picolink.core import lengths
from picolink.core.dialer import Dialer
from picolink.core.endpoint import Endpoint
from picolink.core.packets import (
    CALL,
    CANCEL,
    CREDIT,
    ERROR,
    HEAD,
    ITEMS,
    LONG,
    MESSAGE,
    PART,
    RAW,
    REPLY,
)  # fmt: skip
from picolink.core.port import Port
from picolink.core.session import Session
from picolink.core.textstream import PROMPT, Decoder, encode

_BATCH = 64


class Attacker:
    """Talks on a TCP socket, or framed on a serial port's descriptor."""

    def __init__(self, fd: int, framed: bool, seed: int) -> None:
        self.random = random.Random(seed)
        self._fd = fd
        self._framed = framed
        self._decoder = Decoder(lambda text: None) if framed else lengths.Decoder(1 << 20)
        self.endpoint = Endpoint(b"hostile!", "hostile", self, os.urandom)
        self.port = Port(1000)
        self.number = 0
        os.set_blocking(fd, False)

    # What the core tells

    def on_message(self, session: Session, kind: int, ref: int, body: bytes) -> None:
        pass

    on_state = on_room = on_attach = on_refused = on_forgotten = on_silence = lambda self, *about: (
        None
    )

    # The line

    def _write(self, packets: list[bytes]) -> None:
        make = (lambda p: encode(p, PROMPT)) if self._framed else lengths.encode
        data = b"".join([make(packet) for packet in packets])
        end = time.monotonic() + 30
        while data:
            assert time.monotonic() < end, "the node reads nothing any more"
            readable, writable, _ = select.select([self._fd], [self._fd], [], 1)
            if readable:
                self._read()
            if writable:
                try:
                    data = data[os.write(self._fd, data) :]
                except BlockingIOError:
                    pass

    def _read(self) -> list[bytes]:
        data = os.read(self._fd, 65536)
        if not data:
            raise ConnectionResetError("the node has closed the connection")
        return list(self._decoder.feed(data))

    def attach(self) -> None:
        """A valid attach, by the core's own rules."""
        session = self.endpoint.new_session(os.urandom(8))
        now_ms = time.monotonic_ns() // 1_000_000
        Dialer(self.endpoint, self.port, session, self, now_ms)
        end = time.monotonic() + 20
        while not session.met:
            assert time.monotonic() < end, "it did not attach"
            now_ms = time.monotonic_ns() // 1_000_000
            self.endpoint.tick(self.port, now_ms)
            while (packet := self.endpoint.next_packet(self.port, now_ms)) is not None:
                self._write([packet])
            if select.select([self._fd], [], [], 0.1)[0]:
                for packet in self._read():
                    self.endpoint.receive(self.port, packet, now_ms)
        assert session.attach is not None
        self.attached = session.attach
        self.session = session
        self.number = session.attach.number

    def send(self, packets: Iterator[bytes], n: int) -> int:
        """Sends `n` of them; fewer where the node closes the connection. Returns how many."""
        sent = 0
        while sent < n:
            batch = [next(packets) for _ in range(min(_BATCH, n - sent))]
            try:
                self._write(batch)
            except (ConnectionError, OSError):
                return sent
            sent += len(batch)
        return sent

    # Packets

    def _data(self, body: bytes, flags: int = 0) -> bytes:
        head = pack(HEAD, 0x80 | flags, self.attached.peer_tag, self.number, self.attached.top)
        self.number = (self.number + 1) & 0xFFFF
        return head + body

    def _some(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(1, most))

    def noise(self) -> Iterator[bytes]:
        """Bytes that are nothing, or begin as packets do."""
        while True:
            first = self.random.choice((b"", b"\x80", b"\x48", b"\x47", b"\x46", b"\x45", b"\x81"))
            yield first + self._some(200)

    def tagged(self) -> Iterator[bytes]:
        """Data packets of this attach, with any flags, numbers and messages."""
        while True:
            number = self.random.choice((self.number, self.random.randrange(1 << 16)))
            flags = self.random.choice((0, 1, 2, 3))
            top = self.random.choice((self.attached.top, self.random.randrange(1 << 16)))
            self.number = (self.number + 1) & 0xFFFF
            yield pack(HEAD, 0x80 | flags, self.attached.peer_tag, number, top) + self._some(100)

    def fragments(self) -> Iterator[bytes]:
        """Fragments that fit nothing: ids, offsets and totals of all sizes."""
        choice = self.random.choice
        while True:
            kind = choice((CALL, REPLY, ITEMS)) | PART | choice((0, LONG)) | choice((0, RAW))
            ident = (self.session.out.long.first_id + self.random.randrange(40)) & 0xFFFF
            offset = choice((0, 1, self.random.randrange(20000), 1 << 31))
            total = choice((0, 1, 16384, self.random.randrange(20000), (1 << 32) - 1))
            ref = self.random.randrange(4)
            yield self._data(
                pack(MESSAGE, kind, ident, ref) + pack("<II", offset, total) + self._some(80)
            )

    def hellos(self) -> Iterator[bytes]:
        """Pieces of hellos, whole ones never confirmed, and packets of unknown attaches."""
        choice = self.random.choice
        while True:
            what = self.random.randrange(4)
            if what == 0:
                index, count = self.random.randrange(8), self.random.randrange(1, 8)
                yield bytes((0x48, self.random.randrange(256), index, count)) + self._some(60)
            elif what == 1:
                body = pack(
                    "<BB8sIIIHIIHIHHIHB", choice((1, 1, 1, 2)), choice((0, 1, 2)),
                    self.random.randbytes(8), self.random.randrange(1 << 30), choice((0, 7)), 0,
                    choice((0, 10, 512)), choice((0, 100)), choice((0, 10, 16384)),
                    0, 0, 0, 0, 0, 0, 4,
                )  # fmt: skip
                yield b"\x48" + bytes((self.random.randrange(256), 0, 1)) + body + b"evilname"
            elif what == 2:
                yield b"\x47" + self.random.randbytes(4)
            else:
                yield b"\x80" + self.random.randbytes(8)

    def messages(self) -> Iterator[bytes]:
        """Well-formed messages that mean nothing: calls, cancels, credits and answers."""
        choice = self.random.choice
        ident = self.session.out.short.next_id
        bodies = (
            b"", b"\x00", b"{}", b"[", b"[" * 3000, b'["echo"]', b'["echo",1e999]', b"[[]]",
            b'["echo","\\ud800"]', b'[["echo",1]]', b'[["echo",{"x":1}]]', b'["sys.subscribe"]',
            b'["sys.subscribe",1]', b'["sys.subscribe","x",0]', b'["sys.subscribe","x",1,-1]',
            b'["sys.subscribe","x"]', b'["sys.bench","",1000000000]', b'["sys.log",5]',
            b'["sys.read",[]]', b'["\xff"]', b'["fails"]', b'["echo",' + b"9" * 400 + b"]",
        )  # fmt: skip
        while True:
            kind = choice((CALL, CALL, CALL, CANCEL, CREDIT, REPLY, ERROR, ITEMS, 1, 5, 13))
            kind |= choice((0, 0, 0, RAW, 0x80))
            body = choice(bodies)
            if kind & 0x0F == CALL:
                body = choice((b"\x00\x00\x00\x00", self.random.randbytes(4))) + body
            yield self._data(
                pack(MESSAGE, kind, ident, choice((0, 1, 2, self.random.randrange(1 << 16))))
                + (body or b"\x00")
            )
            ident = (ident + 1) & 0xFFFF

    def kinds(self) -> list[Callable[[], Iterator[bytes]]]:
        """All five."""
        return [self.noise, self.tagged, self.fragments, self.hellos, self.messages]


def over_tcp(host: str, port: int, seed: int) -> tuple[Attacker, Callable[[], object]]:
    """An attacker with a connection of its own, and how to close it."""
    sock = socket.create_connection((host, port), timeout=10)
    return Attacker(sock.fileno(), False, seed), sock.close


def over_serial(path: str, seed: int) -> tuple[Attacker, Callable[[], object]]:
    """The same on a serial port."""
    import termios
    import tty

    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd, termios.TCSANOW)
    return Attacker(fd, True, seed), lambda: os.close(fd)
