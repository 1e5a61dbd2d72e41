"""The UARTs of one board, as its supervisor keeps them: hands them to the wires that hang there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import NamedTuple

from picosim.base.events import EventLoop
from picosim.uart.board import BoardEnd, UartFiles
from picosim.uart.faults import UartFaults
from picosim.uart.medium import Line


class Wired(NamedTuple):
    """Where wires hang: the socket of their process, which end this is, the pins."""

    path: str
    end: int
    pins: tuple[int, int]


class UartPorts:
    """Both UARTs, over all boots; `irq(id, flags)` interrupts the program."""

    def __init__(self, loop: EventLoop, irq: Callable[[int, int], None]) -> None:
        self._loop = loop
        self._irq = irq
        self._wires: dict[int, Wired] = {}
        self._files: list[UartFiles] = []
        self._connections: dict[int, socket.socket] = {}
        self._air: dict[int, Line] = {}

    def wire(self, number: int, wired: Wired) -> None:
        """Wires hang at this UART from now on."""
        self._wires[number] = wired
        if self._files:
            self._connect(number)

    def begin(self, files: list[UartFiles]) -> None:
        """The board boots, with these descriptors."""
        self._files = files
        for number in self._wires:
            self._connect(number)

    def end(self) -> None:
        """The interpreter's run is over."""
        for number in list(self._connections):
            self._disconnect(number)
        for line in self._air.values():
            line.detach(0)
        self._air.clear()
        for files in self._files:
            files.close()
        self._files = []

    def used(self, number: int) -> None:
        """The program has set the UART up; without wires what it sends goes into the air."""
        if number in self._connections or number in self._air or not self._files:
            return
        files = self._files[number]
        line = self._air[number] = Line(self._loop, UartFaults(), "air")
        fds = (files.deliver, files.take, files.memory)
        line.attach(0, BoardEnd(self._loop, fds, None, lambda flags: self._irq(number, flags)))

    def broken(self, number: int) -> None:
        """The program sends a break."""
        connection = self._connections.get(number)
        if connection:
            connection.send(b"b")

    def _connect(self, number: int) -> None:
        self._disconnect(number)
        air = self._air.pop(number, None)
        if air:
            air.detach(0)
        wired = self._wires[number]
        files = self._files[number]
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(wired.path)
        except OSError:  # the wires were taken away
            connection.close()
            del self._wires[number]
            return
        about = json.dumps({"end": wired.end, "pins": wired.pins}).encode()
        socket.send_fds(connection, [about], [files.deliver, files.take, files.memory])
        connection.setblocking(False)
        self._connections[number] = connection
        self._loop.on_readable(connection.fileno(), lambda: self._interrupts(number, connection))

    def _interrupts(self, number: int, connection: socket.socket) -> None:
        try:
            data = connection.recv(64)
        except OSError:
            data = b""
        if not data:  # the wires were taken away
            self._disconnect(number)
            return
        flags = 0
        for at in range(0, len(data) - 1, 2):
            flags |= int.from_bytes(data[at : at + 2], "little")
        self._irq(number, flags)

    def _disconnect(self, number: int) -> None:
        connection = self._connections.pop(number, None)
        if connection:
            self._loop.on_readable(connection.fileno(), None)
            connection.close()
