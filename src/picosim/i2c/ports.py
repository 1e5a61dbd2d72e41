"""The I2C blocks of one board, as its supervisor keeps them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from picosim.base.events import EventLoop
from picosim.base.ports import Ports
from picosim.i2c.page import I2cFiles

if TYPE_CHECKING:
    from picosim.i2c.process import BoardBlock


class I2cPorts(Ports[I2cFiles]):
    """A block is handed over when the program first uses it."""

    def __init__(self, loop: EventLoop, irq: Callable[[int, int], None]) -> None:
        super().__init__(loop, irq)
        self._used: dict[int, int] = {}  # block -> the interpreter's memory
        self._air: dict[int, BoardBlock] = {}

    def wire(self, number: int, path: str, end: int, pins: list[int]) -> None:
        """A bus hangs at this block from now on."""
        super().wire(number, path, end, pins)
        if number in self._used:
            self.hang(number)

    def used(self, number: int, process_id: int) -> None:
        """The program uses the block. Its memory can be opened only now: a `micropython` from the
        PATH was not yet itself when its process began."""
        if number in self._used or not self._files:
            return
        self._used[number] = os.open(f"/proc/{process_id}/mem", os.O_RDWR)
        self.hang(number)

    def end(self) -> None:
        """The interpreter's run is over."""
        for block in self._air.values():
            block.close()
        self._air.clear()
        for memory in self._used.values():
            os.close(memory)
        self._used.clear()
        super().end()

    def hang(self, number: int) -> None:
        """To the bus that is there now, or into the air."""
        if number in self._air:
            self._air.pop(number).close()
        if not self._connect(number, self._used[number]):
            self._hang_in_the_air(number)

    def _hang_in_the_air(self, number: int) -> None:
        # Loaded only where a program has wires that lead nowhere.
        from picosim.i2c.faults import I2cFaults
        from picosim.i2c.medium import Bus
        from picosim.i2c.process import BoardBlock

        line, page = (os.dup(fd) for fd in self._files[number].of_wires())
        bus = Bus(self._loop, I2cFaults(), False, "air")
        fds = (line, page, os.dup(self._used[number]))
        self._air[number] = BoardBlock(self._loop, bus, fds, None, lambda _: None, "air")
