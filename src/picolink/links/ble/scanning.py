"""Listens for what advertises by Bluetooth. Host only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ...core.errors import CannotConnect
from ..host.background import shared_loop
from . import stack
from .advertising import ADV_BYTES, SERVICE
from .stack import absent, scanner

SEARCH_S = 2.0
WEAK_DBM = -85
_NAME_BYTES = ADV_BYTES - 2  # that an advertisement has room for


class Found(NamedTuple):
    """A device that advertises."""

    address: str  # "AA:BB:CC:DD:EE:FF"; on macOS a UUID of this computer's own
    name: str
    signal_dbm: int
    node: bool  # it has our service
    device: Any  # as bleak wants it

    def called(self, where: str) -> bool:
        """Whether this is the device at `ble:WHERE`, a name or an address."""
        if where.upper() == self.address.upper():
            return True
        return self.name != "" and self.name.encode() == where.encode()[:_NAME_BYTES]

    def __str__(self) -> str:
        return f"ble:{self.address} ({self.signal_dbm} dBm)"


async def scan(
    timeout_s: float, enough: Callable[[Found], float | None] | None = None
) -> list[Found]:
    """What advertises within `timeout_s`, each once, the strongest first. `enough` says of each how
    many seconds more are to be waited, None: all. Raises CannotConnect where there is no
    Bluetooth."""
    seen: dict[str, Found] = {}
    loop = asyncio.get_running_loop()
    end_s = loop.time() + timeout_s
    sooner = asyncio.Event()

    def on_found(device: Any, told: Any) -> None:
        nonlocal end_s
        old = seen.get(device.address)
        name = told.local_name or (old.name if old else "") or ""
        node = SERVICE in told.service_uuids or (old is not None and old.node)
        found = Found(device.address, name, told.rssi, node, device)
        seen[device.address] = found
        more_s = enough(found) if enough is not None else None
        if more_s is not None and loop.time() + more_s < end_s:
            end_s = loop.time() + more_s
            sooner.set()

    try:
        async with scanner(on_found):
            while (left_s := end_s - loop.time()) > 0:
                sooner.clear()
                try:
                    await asyncio.wait_for(sooner.wait(), left_s)
                except TimeoutError:
                    pass
    except CannotConnect:
        raise
    except Exception as error:  # of bleak, D-Bus, the system
        why = absent(error)
        if why is None:
            raise CannotConnect(
                f"Bluetooth can't scan: {error}", kind="scan_failed", advice="Is it on?"
            ) from error
        raise why.error() from error
    return sorted(seen.values(), key=lambda found: -found.signal_dbm)


def nearby(timeout_s: float = SEARCH_S) -> list[Found]:
    """The nodes that advertise; none where this computer has no Bluetooth, or no bleak, or is to
    look nowhere (`$PICOLINK_DISCOVER`, links/tcp/discover.py)."""
    if stack.BACKENDS[0] is None and os.environ.get("PICOLINK_DISCOVER") == "":
        return []
    try:
        found = asyncio.run_coroutine_threadsafe(scan(timeout_s), shared_loop()).result()
    except CannotConnect:
        return []
    return [device for device in found if device.node]


def addressed(nodes: list[Found]) -> list[tuple[str, Found]]:
    """Each node with what opens it: its name, where only one has it."""
    names = [node.name for node in nodes]
    return [
        ("ble:" + (node.name if node.name and names.count(node.name) == 1 else node.address), node)
        for node in nodes
    ]
