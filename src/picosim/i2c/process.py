"""The process that is an I2C bus: it keeps the pace, and does the damage.

The world tells it over a socket what to do. Boards and programs of the host come over another:
the first message says who it is; a board brings the descriptors of its block and of its memory.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from picosim.base.child import serve
from picosim.base.events import EventLoop
from picosim.base.lines import Message
from picosim.base.paced import PacedProcess
from picosim.i2c.chip import Chip
from picosim.i2c.controller import LONGEST_BYTES, Controller
from picosim.i2c.faults import I2cFaults
from picosim.i2c.medium import Bus
from picosim.i2c.page import Page
from picosim.i2c.target import BoardTarget


class BoardBlock:
    """One I2C block of a board at the wires: a target and a controller."""

    def __init__(
        self,
        loop: EventLoop,
        bus: Bus,
        fds: tuple[int, ...],
        pins: tuple[int, int] | None,
        irq: Callable[[int], None],
        seed: str,
    ) -> None:
        line, page, self._process = fds
        self._loop = loop
        self._bus = bus
        self._line = socket.socket(fileno=line)
        self._line.setblocking(False)
        self._page = Page(page)
        self._target = BoardTarget(self._page, self._process, pins, irq, seed)
        self._controller = Controller(bus, self._line, "board", attached=self._is_attached)
        self._pins = pins
        bus.devices.append(self._target)
        loop.on_readable(line, self._readable)

    def _is_attached(self) -> bool:
        return self._pins is None or self._pins == self._page.settings().controller_pins

    def _readable(self) -> None:
        try:
            data = self._line.recv(LONGEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.on_readable(self._line.fileno(), None)
        elif data[:1] == b"T":
            self._controller.asked(data)
        else:
            self._target.woken()
            self._bus.woken()

    def close(self) -> None:
        """The interpreter's run is over."""
        self._target.gone = True
        self._bus.devices.remove(self._target)
        self._controller.gone()
        self._bus.woken()
        if self._line.fileno() >= 0:
            self._loop.on_readable(self._line.fileno(), None)
            self._line.close()
        os.close(self._process)
        self._page.close()


class I2cProcess(PacedProcess):
    """One bus and whoever is at its wires."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        faults = I2cFaults(**config["faults"])
        self._bus = Bus(self.loop, faults, config["pull_ups"], config["seed"])
        self._bus.on_low = lambda sda, scl: self.world.send("low", sda, scl)
        self._bus.set_faults(faults)  # which tells of lines that are low from the start
        self.world.send("ready")

    def _told(self, message: Message) -> None:
        kind = message[0]
        if kind == "faults":
            self._bus.set_faults(I2cFaults(**message[1]))
        elif kind == "chip":
            self._bus.devices.append(Chip(message[1], bytes.fromhex(message[2])))
        elif kind == "counts":
            self.world.send("answer", message[1], self._bus.count())

    def came(self, connection: socket.socket, about: Any, fds: tuple[int, ...]) -> None:
        """A board, which brings the descriptors of its block; or a program of the host."""
        if about["kind"] == "board":
            self._board(connection, about, fds)
        else:
            self._host(connection)

    def _board(
        self, connection: socket.socket, about: dict[str, Any], fds: tuple[int, ...]
    ) -> None:
        def irq(flag: int) -> None:
            try:
                connection.send(bytes((flag,)))
            except OSError:
                pass  # the board was reset meanwhile

        seed = f"{self.config['seed']}/{about['end']}"
        block = BoardBlock(self.loop, self._bus, fds, tuple(about["pins"]), irq, seed)

        def gone() -> None:
            self.loop.on_readable(connection.fileno(), None)
            connection.close()
            block.close()

        self.loop.on_readable(connection.fileno(), gone)  # it says nothing more
        self.world.send("attached", about["end"])

    def _host(self, connection: socket.socket) -> None:
        faults = self._bus.faults
        refused = errno.ENOENT if faults.not_enabled else errno.EACCES * faults.not_permitted
        connection.send(bytes((refused,)) + self.config["controller"].encode())
        connection.setblocking(False)
        controller = Controller(
            self._bus, connection, self.config["controller"], self.config["baudrate"]
        )

        def readable() -> None:
            try:
                data = connection.recv(LONGEST_BYTES)
            except OSError:
                data = b""
            if data:
                controller.asked(data)
            else:
                self.loop.on_readable(connection.fileno(), None)
                controller.gone()
                connection.close()

        self.loop.on_readable(connection.fileno(), readable)


def main() -> None:
    """Run the bus."""
    serve(I2cProcess)
