"""What picolink asks of its simulator, by the entry point `picolink.simulator`. No other module of
picosim imports picolink."""

from __future__ import annotations

from typing import Any

import picosim as names
from picosim.base import announce
from picosim.base.announce import announced as boards

__all__ = ["boards", "install", "names", "up", "world_of_test"]


def use_air() -> None:
    """From now on `ble:` of this process finds the boards in the air of this computer's worlds."""
    from picolink.links.ble import stack
    from picosim.bluetooth.backend import Backends

    backends: Any = Backends()
    stack.BACKENDS = backends


def install() -> None:
    """From now on `ble:` and /dev/i2c-N of this process find the worlds of this computer."""
    use_air()
    if announce.announced_buses():
        from picosim.i2c import host as device

        device.install()


def up(*arguments: Any, **named: Any) -> int:
    """`picosim.cli.up`."""
    from picosim import cli

    return cli.up(*arguments, **named)


def world_of_test(*arguments: Any) -> Any:
    """`picosim.pytest_plugin.world_of_test`."""
    from picosim import pytest_plugin

    return pytest_plugin.world_of_test(*arguments)
