"""The process that is a UART's wires: it has both ends, keeps the pace and does the damage.

The world tells it over a socket what to do; boards come over another, each with the descriptors of
its UART. When the world's socket closes all ends.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from picosim.base.child import serve
from picosim.base.lines import Message
from picosim.base.paced import PacedProcess
from picosim.uart.board import BoardEnd
from picosim.uart.faults import UartFaults
from picosim.uart.host import LoginEnd, PtyEnd, SharedEnd
from picosim.uart.medium import End, Line


class UartProcess(PacedProcess):
    """One line and whoever is at its ends."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._line = Line(self.loop, UartFaults(**config["faults"]), config["seed"])
        for number, kind in enumerate(config["ends"]):
            if kind == "pty":
                self._line.attach(number, self._host(Path(config["path"])))
            elif kind == "login":
                self._line.attach(number, LoginEnd(self._baud))
        self.world.send("ready")

    def _baud(self) -> int:
        return self._line.faults.baud

    def _host(self, path: Path) -> End:
        port = PtyEnd(self.loop, path, self._baud)
        seed = f"{self.config['seed']}/login"
        return SharedEnd(port, LoginEnd(self._baud), lambda: self._line.faults.login, seed)

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
            self.world.send("answer", message[1], counts)

    def came(self, connection: socket.socket, about: Any, fds: tuple[int, ...]) -> None:
        """A board brings the descriptors of its UART."""
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
                self.loop.on_readable(connection.fileno(), None)
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

        end = BoardEnd(self.loop, fds, about["pins"], irq, gone)
        connection.setblocking(False)
        self.loop.on_readable(connection.fileno(), told)
        self._line.attach(number, end)
        self.world.send("attached", number)


def main() -> None:
    """Run the wires."""
    serve(UartProcess)
