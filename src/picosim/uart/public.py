"""UARTs as the host holds them: a board's port, and the wires that hang there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, NamedTuple

from picosim.base.paced import Paced
from picosim.pins import port_pins
from picosim.uart.faults import UartFaults

if TYPE_CHECKING:
    from picosim.virtual_board import VirtualBoard
    from picosim.world import World


class BoardUart(NamedTuple):
    """A UART of a board and the pins at which wires can hang."""

    board: VirtualBoard
    id: int
    tx: int
    rx: int


def board_uart(board: VirtualBoard, id: int, tx: int | None, rx: int | None) -> BoardUart:
    """The UART `id`, at pins that it has; ValueError otherwise."""
    if id not in (0, 1):
        raise ValueError(f"a Pico W has the UARTs 0 and 1, not {id!r}")
    pins = [p for p in range(30) if (p + 4 & 8) >> 3 == id]
    legal = {"TX": [p for p in pins if p & 3 == 0], "RX": [p for p in pins if p & 3 == 1]}
    return BoardUart(board, id, *port_pins(f"UART {id}", (tx, rx), (4 * id, 4 * id + 1), legal))


class UartWire(Paced):
    """The wires between two UARTs, or of one to a host. Made by `World.uart`."""

    def __init__(
        self,
        world: World,
        number: int,
        a: BoardUart | str,
        b: BoardUart | str,
        faults: UartFaults,
    ) -> None:
        for end in (a, b):
            if not isinstance(end, BoardUart) and end not in ("pty", "login"):
                raise ValueError(f'{end!r} is no end of a UART: give board.uart(0), "pty", "login"')
        if a == b == "pty":
            raise ValueError(
                "both ends are serial ports of the host: one has to be a board or login"
            )
        self.ends = (a, b)
        self.faults = faults
        self.path = str(world.directory / f"uart{number}") if "pty" in self.ends else ""
        """The host's port, as pyserial opens it; "" where no end is a host."""
        super().__init__(
            world,
            "the UART's wires",
            "picosim.uart.process",
            str(world.directory / f"wire{number}"),
            {
                "ends": [end if isinstance(end, str) else "board" for end in self.ends],
                "path": self.path,
                "faults": dataclasses.asdict(self.faults),
                "seed": f"{world.seed}/uart{number}",
            },
        )
        for index, end in enumerate(self.ends):
            if isinstance(end, BoardUart):
                end.board.hang("uart", end.id, self._socket, index, (end.tx, end.rx))
                if end.board.process_id:
                    self._wait(lambda index=index: self._attached[index], "attach")  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<UART wire {self.ends[0]} - {self.ends[1]} {self.path}>"

    def cut(self) -> None:
        """Cut all wires: bytes that are sent are lost."""
        self._tell("cut", True)

    def mend(self) -> None:
        """Join them again."""
        self._tell("cut", False)

    def set(self, faults: UartFaults) -> None:
        """From now on the wires are this bad."""
        self.faults = faults
        self._tell("faults", dataclasses.asdict(faults))

    def noise(self, end: int, data: bytes) -> None:
        """Have `data` arrive at an end (0 or 1) out of nothing."""
        self._child.send("noise", end, data.hex())

    def counts(self) -> list[dict[str, int]]:
        """For either direction (from the first end, from the second) how many bytes were sent,
        delivered, flipped and lost by faults, and overflowed at the receiving board."""
        counts: list[dict[str, int]] = self._counts()
        return counts

    def close(self) -> None:
        """End the process behind it."""
        super().close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)
