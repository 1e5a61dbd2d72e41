"""The UARTs of one board, as its supervisor keeps them."""

from __future__ import annotations

from collections.abc import Callable

from picosim.base.events import EventLoop
from picosim.base.ports import Ports
from picosim.uart.board import BoardEnd, UartFiles
from picosim.uart.faults import UartFaults
from picosim.uart.medium import Line


class UartPorts(Ports[UartFiles]):
    """Without wires what a program sends goes into the air."""

    def __init__(self, loop: EventLoop, irq: Callable[[int, int], None]) -> None:
        super().__init__(loop, irq)
        self._air: dict[int, Line] = {}

    def wire(self, number: int, path: str, end: int, pins: list[int]) -> None:
        """Wires hang at this UART from now on."""
        super().wire(number, path, end, pins)
        if self._files:
            air = self._air.pop(number, None)
            if air:
                air.detach(0)
            self.hang(number)

    def begin(self, files: list[UartFiles]) -> None:
        """The board boots, with these descriptors."""
        super().begin(files)
        for number in list(self._wires):
            self.hang(number)

    def end(self) -> None:
        """The interpreter's run is over."""
        for line in self._air.values():
            line.detach(0)
        self._air.clear()
        super().end()

    def used(self, number: int) -> None:
        """The program has set the UART up."""
        if number in self._connections or number in self._air or not self._files:
            return
        line = self._air[number] = Line(self._loop, UartFaults(), "air")
        fds = self._files[number].of_wires()
        line.attach(0, BoardEnd(self._loop, fds, None, lambda flags: self._irq(number, flags)))

    def broken(self, number: int) -> None:
        """The program sends a break."""
        connection = self._connections.get(number)
        if connection:
            connection.send(b"b")
