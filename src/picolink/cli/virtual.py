"""Virtual I2C buses for the command line: `picolink call i2c:1/0x43` beside `picolink sim up`."""

from __future__ import annotations

from ..sim import announce


def install() -> None:
    """Have /dev/i2c-N open the buses of worlds that run on this computer, if there are any."""
    if any(announce.directory().glob("i2c-*.json")) and announce.announced_buses():
        from ..sim.i2c import device

        device.install()
