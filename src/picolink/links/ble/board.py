"""Bluetooth LE on MicroPython: `ble-peripheral:`, which waits, and `ble:NAME`, which dials."""

from .radio import radio

MYPY = False
if MYPY:
    from typing import Any

_INTERVAL_MS = 100  # between advertisements


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> "Any":
    """Dials `ble:NAME` or `ble:AA:BB:CC:DD:EE:FF`, or waits for centrals (`ble-peripheral:`)."""
    if scheme != "ble":
        from .peripheral import Peripheral

        interval_ms = int(options.get("interval_ms", _INTERVAL_MS))
        return Peripheral(radio(), options.get("name", where), interval_ms)
    from .central import Central

    return await Central(radio(), where).dial()
