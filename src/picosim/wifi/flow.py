"""Connections between boards, or a board and this computer: passed on as the radios allow."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picosim.wifi.medium import Air, End
    from picosim.wifi.radio import Radio

    Opened = tuple[socket.socket, tuple[End, End]]

LIMIT_BYTES = 65536
CLAIM_S = 10.0
GIVES_UP_S = 75.0
"""When a board's TCP tells that nobody answers."""


def silent_port(host: str, port: int) -> list[socket.socket]:
    """A port (the first socket's) of which nobody hears anything: its queue is full, so the
    system drops whoever dials, as if nobody were there."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(0)
    except OSError:
        listener.close()
        raise
    fillers = [socket.socket() for _ in range(2)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    return [listener, *fillers]


class Dialing:
    """A board's dialing: a port of loopback where nobody answers until somebody can.

    The board's TCP repeats itself (Linux does as lwIP does), so that whoever comes meanwhile is
    reached without dialing again.
    """

    def __init__(self, air: Air, radio: Radio, ip: str, port: int) -> None:
        self._air = air
        self._radio = radio
        self._boot = radio.boot
        self._goal = (ip, port)
        self._sockets = silent_port("127.0.0.1", 0)
        self._sockets[0].setblocking(False)
        self.name: tuple[str, int] = self._sockets[0].getsockname()
        self._opened: Opened | None = None
        self._timer = air.loop.after(GIVES_UP_S, self.close)
        air.dialing.add(self)
        self.update()

    def update(self) -> None:
        """Radios have changed: perhaps there is a way now."""
        if self._opened is not None:
            return
        if self._radio.boot != self._boot:
            self.close()
            return
        try:
            there = self._air.way(self._radio, self._goal[0])
        except OSError:
            return
        if there is None or (there.radio and there.radio.silent):
            return
        self._opened = self._air.opened(self._radio, there, self._goal[1])
        if self._opened is None:  # refused: as is whoever dials a closed port
            self.close()
            return
        listener, *fillers = self._sockets
        try:
            while True:
                listener.accept()[0].close()
        except BlockingIOError:
            pass
        for filler in fillers:
            filler.close()
        self._sockets = [listener]
        self._timer.cancel()
        self._timer = self._air.loop.after(CLAIM_S, self.close)
        self._air.loop.on_readable(listener.fileno(), self._comes)

    def _comes(self) -> None:
        assert self._opened is not None
        try:
            sock, _ = self._sockets[0].accept()
        except BlockingIOError:
            return
        leg, ends = self._opened
        self._opened = None
        self.close()
        Flow(self._air, (sock, leg), ends)

    def close(self) -> None:
        """Nobody dials any more."""
        self._air.dialing.discard(self)
        self._timer.cancel()
        self._air.loop.on_readable(self._sockets[0].fileno(), None)
        for sock in self._sockets:
            sock.close()
        if self._opened:
            self._opened[0].close()


class Flow:
    """One connection: two legs on loopback, and the ends that they lead to."""

    def __init__(
        self, air: Air, legs: tuple[socket.socket, socket.socket], ends: tuple[End, End]
    ) -> None:
        self.air = air
        self.legs = legs
        self.ends = ends
        self.closed = False
        for leg in legs:
            leg.setblocking(False)
            leg.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pipes = (Pipe(self, 0), Pipe(self, 1))
        air.flows.add(self)
        self.update()

    def update(self) -> None:
        """Radios have changed."""
        if self.closed:
            return
        gone = [n for n in (0, 1) if self.ends[n].gone]
        if len(gone) == 2:
            self.close()
        elif gone:
            self._orphaned(gone[0])
        else:
            for pipe in self._pipes:
                pipe.update()

    def _orphaned(self, n: int) -> None:
        # A board that lost its power said no goodbye. Is it back, it refuses what still comes.
        radio, living = self.ends[n].radio, self.ends[1 - n]
        self._stop()
        if radio is not None and self.air.passes(living, self.ends[n]._replace(boot=radio.boot)):
            self.air.loop.on_readable(self.legs[1 - n].fileno(), self.reset)

    def ended(self) -> None:
        """Both directions may have come to their end."""
        if all(pipe.done for pipe in self._pipes):
            self.close()

    def reset(self) -> None:
        """End it rudely, for both."""
        for leg in self.legs:
            if leg.fileno() >= 0:
                leg.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def _stop(self) -> None:
        for leg in self.legs:
            if leg.fileno() >= 0:
                self.air.loop.on_readable(leg.fileno(), None)
                self.air.loop.on_writable(leg.fileno(), None)

    def close(self) -> None:
        """Close both legs."""
        if not self.closed:
            self.closed = True
            self._stop()
            self.air.flows.discard(self)
            for leg in self.legs:
                leg.close()


class Pipe:
    """One direction: from leg `n` to the other one."""

    def __init__(self, flow: Flow, n: int) -> None:
        self._flow = flow
        self._n = n
        self._source, self._sink = flow.legs[n], flow.legs[1 - n]
        self._waiting: deque[tuple[float, bytes]] = deque()  # when due, what; b"" is the end
        self._bytes = 0
        self._over = False  # nothing more comes
        self.done = False  # and all of it was delivered

    def _open(self) -> bool:
        ends = self._flow.ends
        return self._flow.air.passes(ends[self._n], ends[1 - self._n])

    def update(self) -> None:
        """Watch what is to be watched now."""
        if self._flow.closed:
            return
        loop = self._flow.air.loop
        passes = self._open()
        reads = passes and not self._over and self._bytes < LIMIT_BYTES
        loop.on_readable(self._source.fileno(), self._readable if reads else None)
        if passes and self._waiting:
            self._deliver()

    def _readable(self) -> None:
        try:
            data = self._source.recv(16384)
        except BlockingIOError:
            return
        except OSError:
            self._unless_gone(self._n, self._flow.reset)
            self._flow.air.loop.on_readable(self._source.fileno(), None)
            return
        if not data:
            self._over = True
            self._flow.air.loop.on_readable(self._source.fileno(), None)
            self._unless_gone(self._n, lambda: self._put(b""))
            return
        self._put(data)

    def _put(self, data: bytes) -> None:
        sender, receiver = self._flow.ends[self._n].radio, self._flow.ends[1 - self._n].radio
        if sender:
            sender.sent()
        delay_s = receiver.delay_s if receiver else 0.0
        due = time.monotonic() + delay_s
        if self._waiting:
            due = max(due, self._waiting[-1][0])
        self._waiting.append((due, data))
        self._bytes += len(data)
        if delay_s:
            self._flow.air.loop.at(due, self.update)
        self.update()

    def _unless_gone(self, n: int, then: Callable[[], None]) -> None:
        """First hear whether the power of that end was lost: it says nothing then."""

        def now() -> None:
            if not self._flow.closed and not self._flow.ends[n].gone:
                then()

        self._flow.air.loop.post(now)

    def _deliver(self) -> None:
        loop, fd = self._flow.air.loop, self._sink.fileno()
        receiver = self._flow.ends[1 - self._n].radio
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            due, data = self._waiting[0]
            try:
                if not data:
                    self._sink.shutdown(socket.SHUT_WR)
                    self.done = True
                    self._flow.ended()
                    return
                sent = self._sink.send(data)
            except BlockingIOError:
                loop.on_writable(fd, self._deliver)
                return
            except OSError:
                self._unless_gone(1 - self._n, self._flow.reset)
                return
            if receiver:
                receiver.sent()  # it acknowledges
            self._bytes -= sent
            if sent < len(data):
                self._waiting[0] = (due, data[sent:])
            else:
                self._waiting.popleft()
        loop.on_writable(fd, None)
        if not self._over and self._bytes < LIMIT_BYTES:
            loop.on_readable(self._source.fileno(), self._readable)
