"""Bluetooth LE on MicroPython: `ble-peripheral:`, which waits, and `ble:NAME`, which dials."""

from .radio import radio

MYPY = False
if MYPY:
    from typing import Any


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> "Any":
    """Dials `ble:NAME` or `ble:AA:BB:CC:DD:EE:FF`, or waits for centrals (`ble-peripheral:`)."""
    if scheme != "ble":
        from .peripheral import Peripheral

        return Peripheral(radio(), where, options)
    from .central import Central

    return await Central(radio(), where).dial()
