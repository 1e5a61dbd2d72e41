"""Links that packets travel on: TCP, and a serial port that text shares."""

from __future__ import annotations

import os
import select
import socket
import time
import tty

from . import framing


class Lost(ConnectionError):
    """The other side closed the link."""


class Link:
    """A stream of bytes that carries packets; ``text`` is what came between them."""

    carries = 4096
    hello_size = 128  # the largest piece of a hello of which nobody was told more (4.12.1)

    def __init__(self, fd: int, reader: framing.FrameReader | framing.LengthReader) -> None:
        self.fd = fd
        self.reader = reader
        self.packets: list[bytes] = []
        self.closed = False

    @property
    def text(self) -> bytes:
        return self.reader.text

    def wrap(self, packet: bytes) -> bytes:
        raise NotImplementedError

    def send(self, packet: bytes) -> None:
        self.write(self.wrap(packet))

    def write(self, data: bytes, timeout_s: float = 5) -> None:
        """Writes bytes as they are: what a test wants that is no packet."""
        deadline = time.monotonic() + timeout_s
        while data:
            left = deadline - time.monotonic()
            if left < 0 or not select.select([], [self.fd], [], left)[1]:
                raise TimeoutError(f"the node takes nothing; {len(data)} bytes are left")
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                continue
            except OSError as e:
                raise Lost(str(e)) from e

    def receive(self, timeout_s: float) -> bytes | None:
        """The next packet, or None when none comes in time (or only text)."""
        if not self.packets and select.select([self.fd], [], [], max(0, timeout_s))[0]:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                return None
            except OSError as e:
                raise Lost(str(e)) from e
            if not data:
                raise Lost("closed by the node")
            self.packets += self.reader.feed(data)
        return self.packets.pop(0) if self.packets else None

    def read_text(self, until: bytes, timeout_s: float = 3) -> bytes:
        """Waits for text that ends so; returns and forgets it."""
        deadline = time.monotonic() + timeout_s
        while until not in self.reader.text:
            left = deadline - time.monotonic()
            if left < 0:
                raise TimeoutError(f"no {until!r} in {self.reader.text!r}")
            packet = self.receive(left)
            assert packet is None, f"a packet where text was expected: {packet.hex()}"
        text, self.reader.text = self.reader.text.split(until, 1)
        return text + until

    def wait_closed(self, timeout_s: float) -> list[bytes]:
        """Waits until the node closes the link; returns the packets that came before."""
        deadline = time.monotonic() + timeout_s
        packets = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                packet = self.receive(left)
            except Lost:
                return packets
            if packet is not None:
                packets.append(packet)
        raise TimeoutError(f"still open after {timeout_s} s")

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self.fd)


class TextAndLengths(framing.LengthReader):
    """A TCP connection told apart by its first byte: text, or packets behind their length."""

    text = b""

    def feed(self, data: bytes) -> list[bytes]:
        if not self.waiting and data[0]:
            self.text += data
            return []
        return super().feed(data)


class TcpLink(Link):
    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        super().__init__(connection.detach(), TextAndLengths(1 << 20))

    def wrap(self, packet: bytes) -> bytes:
        return framing.prefixed(packet)

    @classmethod
    def dial(cls, host: str, port: int = 5263, timeout_s: float = 5) -> TcpLink:
        """Connects, also to a node that is about to start."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return cls(socket.create_connection((host, port), timeout_s))
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                select.select([], [], [], 0.02)


class TcpListener:
    """Where picolink can dial this peer."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp:127.0.0.1:%d" % self.socket.getsockname()[1]

    def accept(self, timeout_s: float = 5) -> TcpLink:
        self.socket.settimeout(timeout_s)
        return TcpLink(self.socket.accept()[0])

    def close(self) -> None:
        self.socket.close()


class SerialLink(Link):
    """A board's USB port. What may meet a prompt is stuffed (2.4)."""

    carries = 1024

    def __init__(self, path: str, stuffed: bytes = framing.PROMPT) -> None:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(fd)
        self.stuffed = stuffed
        super().__init__(fd, framing.FrameReader())

    def wrap(self, packet: bytes) -> bytes:
        return framing.frame(packet, self.stuffed)
