"""A TCP proxy that passes bytes on in odd pieces and cuts connections when it is told to."""

from __future__ import annotations

import random
import selectors
import socket
import threading


class CuttingProxy:
    """Listens on `port` (loopback) and passes everything on to `to`."""

    def __init__(self, to: tuple[str, int], seed: int) -> None:
        self.to = to
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector.register(self._wake_in, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._closing = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._thread.start()

    def _run(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake_in:
                    if self._wake_in.recv(1) == b"c":
                        self._cut()
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    self._pass(key.fileobj, key.data)  # type: ignore[arg-type]

    def _accept(self) -> None:
        here, _ = self._listener.accept()
        try:
            there = socket.create_connection(self.to)
        except OSError:  # the board is not listening yet
            here.close()
            return
        for one, other in ((here, there), (there, here)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(one, selectors.EVENT_READ, other)
        self._pairs.append((here, there))

    def _pass(self, source: socket.socket, to: socket.socket) -> None:
        try:
            data = source.recv(self._random.choice((1, 3, 50, 700, 5000)))
            to.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop((source, to))

    def _drop(self, pair: tuple[socket.socket, socket.socket]) -> None:
        for end in pair:
            if end.fileno() >= 0:
                self._selector.unregister(end)
                end.close()
        self._pairs = [p for p in self._pairs if set(p) != set(pair)]

    def _cut(self) -> None:
        for pair in self._pairs[:]:
            self._drop(pair)

    def cut(self) -> None:
        """Cuts all connections."""
        self._wake_out.send(b"c")

    def close(self) -> None:
        self._closing = True
        self._wake_out.send(b"x")
        self._thread.join()
        self._cut()
        for end in (self._listener, self._wake_in, self._wake_out):
            end.close()
