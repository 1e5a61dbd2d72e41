"""Virtual boards, where a simulator is installed. Host only.

A simulator is a package of its own: it registers a module under the entry point
`picolink.simulator` (ours is picosim). What the module has to offer is `Simulator`.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from ...core.errors import UsageError


class Simulator(Protocol):
    """What picolink asks of a simulator."""

    names: Any
    """What `picolink.sim` hands on: `World` and the rest."""

    def boards(self) -> list[dict[str, Any]]:
        """The boards that run now on this computer: `name`, `unique_id` (hexadecimal digits),
        `usb_path`, `address` (on loopback; "" if none)."""

    def install(self) -> None:
        """Has `ble:` and /dev/i2c-N of this process find the virtual boards of this computer."""

    def up(
        self, files: list[Path], *, firmware: Path | None, json: bool, lib: Any, name_of: Any
    ) -> int:
        """Runs virtual boards until Ctrl-C (`picolink sim up`); the exit code. `lib()` makes a
        tree for their /lib, `name_of(program)` names the board of a program."""

    def world_of_test(self, request: Any, marker: str) -> Any:
        """A context manager: the world of a pytest test."""


@functools.cache
def simulator() -> Simulator | None:
    """The simulator; None where none is installed."""
    for entry in entry_points(group="picolink.simulator"):
        found: Simulator = entry.load()
        return found
    return None


def needed() -> Simulator:
    """The simulator; UsageError where none is installed."""
    found = simulator()
    if found is None:
        raise UsageError('virtual boards need the simulator: pip install "picolink[sim]"')
    return found


def virtual_boards() -> list[dict[str, Any]]:
    """The boards of worlds that run now on this computer."""
    found = simulator()
    return found.boards() if found is not None else []
