"""Virtual I2C buses and radios for the command line: `picolink call i2c:1/0x43 ...`, or `ble:NAME`,
beside `picolink sim up`."""

from __future__ import annotations

from ..sim import announce
from ..sim.bluetooth import backend


def install() -> None:
    """Have `ble:` and /dev/i2c-N find the worlds that run on this computer, if there are any."""
    backend.install()
    if any(announce.directory().glob("i2c-*.json")) and announce.announced_buses():
        from ..sim.i2c import device

        device.install()
