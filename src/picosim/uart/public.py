"""UARTs as the host holds them: a board's port, and the wires that hang there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, NamedTuple

from picosim.base.paced import Paced
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
    found = []
    for role, name, pin in ((0, "TX", tx), (1, "RX", rx)):
        if pin is None:
            pin = 4 * id + role
        legal = [p for p in range(30) if p & 3 == role and (p + 4 & 8) >> 3 == id]
        if pin not in legal:
            raise ValueError(
                f"GP{pin} is no {name} pin of UART {id}; those are "
                + ", ".join(f"GP{p}" for p in legal)
            )
        found.append(pin)
    return BoardUart(board, id, *found)


class UartWire:
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
        self._process = Paced(
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
        attached = self._process.attached
        for index, end in enumerate(self.ends):
            if isinstance(end, BoardUart):
                end.board.wire_uart(end.id, self._process.path, index, (end.tx, end.rx))
                if end.board.process_id:
                    self._process.wait(lambda index=index: attached[index], "attach")  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<UART wire {self.ends[0]} - {self.ends[1]} {self.path}>"

    @property
    def process_id(self) -> int:
        """Of the process that keeps the pace."""
        return self._process.process_id

    def cut(self) -> None:
        """Cut all wires: bytes that are sent are lost."""
        self._process.send("cut", True)
        self.counts()  # which is answered when it is done

    def mend(self) -> None:
        """Join them again."""
        self._process.send("cut", False)
        self.counts()

    def set(self, faults: UartFaults) -> None:
        """From now on the wires are this bad."""
        self.faults = faults
        self._process.send("faults", dataclasses.asdict(faults))
        self.counts()

    def noise(self, end: int, data: bytes) -> None:
        """Have `data` arrive at an end (0 or 1) out of nothing."""
        self._process.send("noise", end, data.hex())

    def counts(self) -> list[dict[str, int]]:
        """For either direction (from the first end, from the second) how many bytes were sent,
        delivered, flipped and lost by faults, and overflowed at the receiving board."""
        counts: list[dict[str, int]] = self._process.counts()
        return counts

    def close(self) -> None:
        """End the process behind it."""
        self._process.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)
