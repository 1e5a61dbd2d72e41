"""A board's ports of one kind, as its supervisor keeps them: hands them to the wires that hang
there, which are a process of their own (`paced.py`)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from picosim.base.events import EventLoop


class Files(Protocol):
    """The descriptors of one port for one run of the interpreter."""

    def of_wires(self) -> Sequence[int]: ...
    def close(self) -> None: ...


F = TypeVar("F", bound=Files)


class Ports(Generic[F]):
    """Both, over all boots; `irq(id, flags)` interrupts the program."""

    def __init__(self, loop: EventLoop, irq: Callable[[int, int], None]) -> None:
        self._loop = loop
        self._irq = irq
        self._wires: dict[int, tuple[str, int, list[int]]] = {}
        self._files: list[F] = []
        self._connections: dict[int, socket.socket] = {}

    def wire(self, number: int, path: str, end: int, pins: list[int]) -> None:
        """Wires hang at this port from now on: the socket of their process, which end this is,
        and at which pins."""
        self._wires[number] = (path, end, pins)

    def begin(self, files: list[F]) -> None:
        """The board boots, with these descriptors."""
        self._files = files

    def end(self) -> None:
        """The interpreter's run is over."""
        for number in list(self._connections):
            self._disconnect(number)
        for files in self._files:
            files.close()
        self._files = []

    def _connect(self, number: int, *more: int) -> bool:
        """Hand the port, and descriptors more, to its wires; False where there are none."""
        self._disconnect(number)
        if number not in self._wires:
            return False
        path, end, pins = self._wires[number]
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(path)
        except OSError:  # the wires were taken away
            connection.close()
            del self._wires[number]
            return False
        about = json.dumps({"kind": "board", "end": end, "pins": pins}).encode()
        socket.send_fds(connection, [about], [*self._files[number].of_wires(), *more])
        connection.setblocking(False)
        self._connections[number] = connection
        self._loop.on_readable(connection.fileno(), lambda: self._readable(number, connection))
        return True

    def _readable(self, number: int, connection: socket.socket) -> None:
        try:
            data = connection.recv(64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._irq(number, int.from_bytes(data, "little"))
        else:  # the wires were taken away
            self._disconnect(number)
            self.hang(number)

    def hang(self, number: int) -> None:
        """To the wires that are there now."""
        self._connect(number)

    def _disconnect(self, number: int) -> None:
        connection = self._connections.pop(number, None)
        if connection:
            self._loop.on_readable(connection.fileno(), None)
            connection.close()
