"""The I2C blocks of one board, as its supervisor keeps them: hands them to the bus they hang at."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from typing import NamedTuple

from picosim.base.events import EventLoop
from picosim.i2c.page import I2cFiles


class Wired(NamedTuple):
    """Where wires hang: the socket of the bus, which end this is, SDA and SCL."""

    path: str
    end: int
    pins: tuple[int, int]


class I2cPorts:
    """Both blocks, over all boots; `irq(id, flag)` interrupts the program."""

    def __init__(self, loop: EventLoop, irq: Callable[[int, int], None]) -> None:
        self._loop = loop
        self._irq = irq
        self._wires: dict[int, Wired] = {}
        self._files: list[I2cFiles] = []
        self._used: dict[int, int] = {}  # block -> the interpreter's memory
        self._connections: dict[int, socket.socket] = {}
        self._air: dict[int, object] = {}

    def wire(self, number: int, wired: Wired) -> None:
        """A bus hangs at this block from now on."""
        self._wires[number] = wired
        if number in self._used:
            self._connect(number)

    def begin(self, files: list[I2cFiles]) -> None:
        """The board boots, with these descriptors."""
        self._files = files

    def used(self, number: int, process_id: int) -> None:
        """The program uses the block. Its memory can be opened only now: a `micropython` from the
        PATH was not yet itself when its process began."""
        if number in self._used or not self._files:
            return
        self._used[number] = os.open(f"/proc/{process_id}/mem", os.O_RDWR)
        self._connect(number)

    def end(self) -> None:
        """The interpreter's run is over."""
        for number in list(self._connections):
            self._disconnect(number)
        self._end_air()
        for memory in self._used.values():
            os.close(memory)
        self._used.clear()
        for files in self._files:
            files.close()
        self._files = []

    def _end_air(self, number: int | None = None) -> None:
        for here in list(self._air):
            if number in (None, here):
                self._air.pop(here).close()  # type: ignore[attr-defined]

    def _connect(self, number: int) -> None:
        self._disconnect(number)
        self._end_air(number)
        files = self._files[number]
        wired = self._wires.get(number)
        if not wired:
            self._hang_in_the_air(number)
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(wired.path)
        except OSError:  # the bus was taken away
            connection.close()
            del self._wires[number]
            self._hang_in_the_air(number)
            return
        about = json.dumps({"kind": "board", "end": wired.end, "pins": wired.pins}).encode()
        fds = [files.line.fileno(), files.page, self._used[number]]
        socket.send_fds(connection, [about], fds)
        connection.setblocking(False)
        self._connections[number] = connection
        self._loop.on_readable(connection.fileno(), lambda: self._interrupts(number, connection))

    def _hang_in_the_air(self, number: int) -> None:
        # Loaded only where a program has wires that lead nowhere.
        from picosim.i2c.faults import I2cFaults
        from picosim.i2c.medium import Bus
        from picosim.i2c.process import BoardBlock

        files = self._files[number]
        fds = (os.dup(files.line.fileno()), os.dup(files.page), os.dup(self._used[number]))
        bus = Bus(self._loop, I2cFaults(), False, "air")
        self._air[number] = BoardBlock(self._loop, bus, fds, None, lambda _: None, "air")

    def _interrupts(self, number: int, connection: socket.socket) -> None:
        try:
            data = connection.recv(64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the bus was taken away
            self._disconnect(number)
            self._connect(number)
            return
        self._irq(number, data[0])

    def _disconnect(self, number: int) -> None:
        connection = self._connections.pop(number, None)
        if connection:
            self._loop.on_readable(connection.fileno(), None)
            connection.close()
