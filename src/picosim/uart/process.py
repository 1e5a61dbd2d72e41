"""The process that is a UART's wires: it has both ends, keeps the pace and does the damage.

The world tells it over a socket what to do; boards come over another, each with the descriptors of
its UART. When the world's socket closes all ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from picosim.base.events import EventLoop
from picosim.base.lines import Lines, Message
from picosim.uart.board import BoardEnd
from picosim.uart.faults import UartFaults
from picosim.uart.host import LoginEnd, PtyEnd, SharedEnd
from picosim.uart.medium import End, Line


class UartProcess:
    """One line and whoever is at its ends."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._loop = EventLoop()
        self._world = Lines(self._loop, socket.socket(fileno=config["fd"]), self._told, self._end)
        self._line = Line(self._loop, UartFaults(**config["faults"]), config["seed"])
        self._listener = socket.socket(fileno=config["listener"])
        self._listener.setblocking(False)
        self._loop.on_readable(self._listener.fileno(), self._comes)
        for number, kind in enumerate(config["ends"]):
            if kind == "pty":
                self._line.attach(number, self._host(number, Path(config["path"])))
            elif kind == "login":
                self._line.attach(number, LoginEnd(self._baud))
        self._world.send("ready")

    def _baud(self) -> int:
        return self._line.faults.baud

    def _host(self, number: int, path: Path) -> End:
        port = PtyEnd(self._loop, path, self._baud)
        seed = f"{self._config['seed']}/login"
        return SharedEnd(port, LoginEnd(self._baud), lambda: self._line.faults.login, seed)

    def run(self) -> None:
        """Serve until the world goes."""
        self._loop.run()

    def _end(self) -> None:
        self._loop.running = False

    def _told(self, message: Message) -> None:
        kind = message[0]
        if kind == "cut":
            self._line.cut(message[1])
        elif kind == "faults":
            self._line.set_faults(UartFaults(**message[1]))
            for direction in self._line.directions:
                direction.wake()  # a login shell begins to talk
        elif kind == "noise":
            end = self._line.ends[message[1]]
            if end:
                end.deliver(bytes.fromhex(message[2]))
        elif kind == "counts":
            counts = []
            for end, direction in zip(reversed(self._line.ends), self._line.directions):
                overflowed = getattr(end, "overflowed", 0)
                counts.append({**direction.counts, "overflowed": overflowed})
            self._world.send("counts", message[1], counts)

    def _comes(self) -> None:
        """A board brings the descriptors of its UART."""
        connection, _ = self._listener.accept()
        data, fds, _, _ = socket.recv_fds(connection, 256, 3)
        try:
            about = json.loads(data)
            deliver, take, memory = fds
        except ValueError:
            connection.close()
            return
        number = about["end"]

        def irq(flags: int) -> None:
            try:
                connection.send(flags.to_bytes(2, "little"))
            except OSError:
                pass  # the board was reset meanwhile

        def gone() -> None:
            if self._line.ends[number] is end:
                self._line.detach(number)
            if connection.fileno() >= 0:
                self._loop.on_readable(connection.fileno(), None)
                connection.close()
                for fd in fds:
                    os.close(fd)

        def told() -> None:
            try:
                breaks = connection.recv(64)
            except OSError:
                breaks = b""
            if breaks:
                self._line.broken(number)
            else:
                gone()

        end = BoardEnd(self._loop, (deliver, take, memory), about["pins"], irq, gone)
        connection.setblocking(False)
        self._loop.on_readable(connection.fileno(), told)
        self._line.attach(number, end)
        self._world.send("attached", number)


def main() -> None:
    """Run the wires that the first argument (JSON) describes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    UartProcess(json.loads(sys.argv[1])).run()
