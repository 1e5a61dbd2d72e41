"""Several chips in step by their own time: the one that is behind runs, and never far ahead."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from picosim.rp2040.chip import Chip

STEP_NS = 50_000.0
"""No wire is so slow that more would not matter."""


class Wire(Protocol):
    """What joins chips."""

    @property
    def step_ns(self) -> float:
        """How far their clocks may be apart now, for what is said to come in its time."""


class SerialWire:
    """A UART wire at a rate: who hears is told of a byte when it begins, so that clocks may be
    apart by as much as one takes."""

    def __init__(self, baud: int) -> None:
        self.step_ns = 9e9 / baud


class Together:
    """Chips, and the wires between them."""

    def __init__(self, *chips: Chip) -> None:
        self.chips = list(chips)
        self.wires: list[Wire] = []

    @property
    def now_s(self) -> float:
        """The time of the one that is behind."""
        return min(chip.now_s for chip in self.chips)

    def run_until(self, done: Callable[[], bool], most_s: float, real_s: float = 600) -> bool:
        """Run until `done()`, or for `most_s` of their time; False then, or after `real_s`."""
        end_ns, real_end = self.now_s * 1e9 + most_s * 1e9, time.monotonic() + real_s
        chips, wires = self.chips, self.wires
        while not done():
            chip = min(chips, key=lambda chip: chip.now_ns)
            if chip.now_ns >= end_ns or time.monotonic() > real_end:
                return False
            chip.run_slice(min([STEP_NS, *[wire.step_ns for wire in wires]]))
        return True
