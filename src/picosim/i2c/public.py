"""I2C as the host holds it: a board's block, and the bus at which it hangs."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from picosim.base import announce
from picosim.base.lines import Message
from picosim.base.paced import Paced
from picosim.i2c.faults import I2cFaults
from picosim.pins import port_pins

if TYPE_CHECKING:
    from picosim.virtual_board import VirtualBoard
    from picosim.world import World

DEFAULT_PINS = ((4, 5), (6, 7))
CONTROLLERS = ("pi", "gpio")


class BoardI2c(NamedTuple):
    """An I2C block of a board and the pins at which wires can hang."""

    board: VirtualBoard
    id: int
    sda: int
    scl: int


def board_i2c(board: VirtualBoard, id: int, sda: int | None, scl: int | None) -> BoardI2c:
    """The block `id`, at pins that it has; ValueError otherwise."""
    if id not in (0, 1):
        raise ValueError(f"a Pico W has I2C 0 and 1, not {id!r}")
    # 23 to 25 lead to the radio, 28 is the last that comes out.
    pins = [p for p in (*range(23), 26, 27, 28) if (p & 2) >> 1 == id]
    legal = {"SDA": [p for p in pins if not p & 1], "SCL": [p for p in pins if p & 1]}
    return BoardI2c(board, id, *port_pins(f"I2C {id}", (sda, scl), DEFAULT_PINS[id], legal))


class I2cBus(Paced):
    """The wires between I2C blocks, and the host's controller at them. Made by `World.i2c`."""

    def __init__(
        self,
        world: World,
        number: int,
        blocks: tuple[BoardI2c, ...],
        pull_ups: bool,
        faults: I2cFaults,
        host: int | None = None,
        baudrate: int = 0,
        controller: str = "pi",
    ) -> None:
        if not blocks and host is None:
            raise ValueError("an I2C bus needs something at its wires: give board.i2c(0), ...")
        if controller not in CONTROLLERS:
            raise ValueError(
                f'{controller!r} is no controller of a host: there is "pi" (a Raspberry Pi\'s '
                'own, with its clock-stretching bug) and "gpio" (two of its pins)'
            )
        self._world = world
        self.blocks = blocks
        self.host = host
        """The number of the host's /dev/i2c-N; None where no host is at the wires."""
        self.pull_ups = pull_ups
        self.faults = faults
        self._low = (False, False)  # SDA, SCL, between transfers
        self._announcement: Path | None = None
        super().__init__(
            world,
            "the I2C bus",
            "picosim.i2c.process",
            str(world.directory / f"i2c{number}"),
            {
                "faults": dataclasses.asdict(self.faults),
                "pull_ups": self.pull_ups,
                "baudrate": baudrate,
                "controller": controller,
                "seed": f"{world.seed}/i2c{number}",
            },
        )
        self._pull()
        for index, block in enumerate(blocks):
            block.board.hang("i2c", block.id, self._socket, index, (block.sda, block.scl))
        if host is not None:
            about = {
                "kind": "i2c",
                "bus": host,
                "socket": self._socket,
                "pid": self.process_id,
                "world": os.getpid(),
            }
            self._announcement = announce.announce_bus(about)

    def __repr__(self) -> str:
        host = "" if self.host is None else f" /dev/i2c-{self.host}"
        return f"<I2C bus{host} {' - '.join(block.board.name for block in self.blocks)}>"

    def chip(self, address: int, registers: bytes) -> None:
        """Put another chip on the bus, one that is no board: registers behind a pointer."""
        if not 0x08 <= address <= 0x77 or not registers:
            raise ValueError("a chip has an address from 0x08 to 0x77 and at least one register")
        self._tell("chip", address, registers.hex())

    def set(self, faults: I2cFaults) -> None:
        """From now on the bus is this bad."""
        self.faults = faults
        self._tell("faults", dataclasses.asdict(faults))
        self._pull()

    def cut(self) -> None:
        """Cut the wires: every controller is alone."""
        self.set(dataclasses.replace(self.faults, cut=True))

    def mend(self) -> None:
        """Join them again."""
        self.set(dataclasses.replace(self.faults, cut=False))

    def counts(self) -> dict[str, int]:
        """What went over the wires: transfers, bits (start, stop, addresses and acknowledges too),
        data bytes, nacks, timeouts; bytes that were stretched, misread by a Pi, flipped; and how
        long the bus has been there, `elapsed_us`."""
        counts: dict[str, int] = self._counts()
        return counts

    def close(self) -> None:
        """End the process behind it."""
        if self._announcement:
            self._announcement.unlink(missing_ok=True)
            self._announcement = None
        super().close()

    def _pull(self) -> None:
        # What the pins of the boards read while the bus is idle.
        high = 1 if self.pull_ups and not self.faults.cut else None
        levels = [0 if low and not self.faults.cut else high for low in self._low]
        for block in self.blocks:
            for number, level in zip((block.sda, block.scl), levels):
                pin = block.board.pin(number)
                self._world.loop.call(lambda pin=pin, level=level: pin.wired(self, level))  # type: ignore[misc]

    def _told(self, message: Message) -> None:
        super()._told(message)
        if message[0] == "low":
            self._low = (message[1], message[2])
            self._pull()
