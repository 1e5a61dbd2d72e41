"""The process that is an I2C bus: it keeps the pace, and does the damage.

The world tells it over a socket what to do. Boards and programs of the host come over another:
the first message says who it is; a board brings the descriptors of its block and of its memory.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from picosim.base.events import EventLoop
from picosim.base.lines import Lines, Message
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
        fds: tuple[int, int, int],
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


class I2cProcess:
    """One bus and whoever is at its wires."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._loop = EventLoop()
        self._world = Lines(self._loop, socket.socket(fileno=config["fd"]), self._told, self._end)
        self._bus = Bus(
            self._loop, I2cFaults(**config["faults"]), config["pull_ups"], config["seed"]
        )
        self._bus.on_low = lambda sda, scl: self._world.send("low", sda, scl)
        self._bus.set_faults(self._bus.faults)  # which tells of lines that are low from the start
        self._listener = socket.socket(fileno=config["listener"])
        self._listener.setblocking(False)
        self._loop.on_readable(self._listener.fileno(), self._comes)
        self._world.send("ready")

    def run(self) -> None:
        """Serve until the world goes."""
        self._loop.run()

    def _end(self) -> None:
        self._loop.running = False

    def _told(self, message: Message) -> None:
        kind = message[0]
        if kind == "faults":
            self._bus.set_faults(I2cFaults(**message[1]))
        elif kind == "chip":
            self._bus.devices.append(Chip(message[1], bytes.fromhex(message[2])))
        elif kind == "counts":
            self._world.send("counts", message[1], self._bus.count())

    def _comes(self) -> None:
        connection, _ = self._listener.accept()
        data, fds, _, _ = socket.recv_fds(connection, 256, 3)
        try:
            about = json.loads(data)
            if about["kind"] == "board":
                line, page, process = fds
                self._board(connection, about, (line, page, process))
            else:
                self._host(connection)
        except (ValueError, KeyError):
            connection.close()

    def _board(
        self, connection: socket.socket, about: dict[str, Any], fds: tuple[int, int, int]
    ) -> None:
        def irq(flag: int) -> None:
            try:
                connection.send(bytes((flag,)))
            except OSError:
                pass  # the board was reset meanwhile

        seed = f"{self._config['seed']}/{about['end']}"
        block = BoardBlock(self._loop, self._bus, fds, tuple(about["pins"]), irq, seed)

        def gone() -> None:
            self._loop.on_readable(connection.fileno(), None)
            connection.close()
            block.close()

        self._loop.on_readable(connection.fileno(), gone)  # it says nothing more
        self._world.send("attached", about["end"])

    def _host(self, connection: socket.socket) -> None:
        faults = self._bus.faults
        refused = errno.ENOENT if faults.not_enabled else errno.EACCES * faults.not_permitted
        connection.send(bytes((refused,)) + self._config["controller"].encode())
        connection.setblocking(False)
        controller = Controller(
            self._bus, connection, self._config["controller"], self._config["baudrate"]
        )

        def readable() -> None:
            try:
                data = connection.recv(LONGEST_BYTES)
            except OSError:
                data = b""
            if data:
                controller.asked(data)
            else:
                self._loop.on_readable(connection.fileno(), None)
                controller.gone()
                connection.close()

        self._loop.on_readable(connection.fileno(), readable)


def main() -> None:
    """Run the bus that the first argument (JSON) describes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    I2cProcess(json.loads(sys.argv[1])).run()
