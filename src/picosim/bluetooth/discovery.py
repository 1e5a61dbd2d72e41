"""Advertising and scanning of a board, as BTstack does it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bumble import hci
from bumble.device import AdvertisingType

from picosim.bluetooth.inbox import Inbox

if TYPE_CHECKING:
    from bumble.device import Device

SCAN_RESULT, SCAN_DONE = 5, 6
SCAN_RESULTS = 40
"""So many reports of a scan wait; those that come then are lost."""
UNIT_US, UNIT_MS = 625, 0.625
DATA_BYTES = 31


class Advertising:
    """On the air while it is wanted and nobody is connected."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._data = (b"", b"")
        self._wanted: tuple[float, AdvertisingType] | None = None

    async def start(
        self, interval_us: int, data: str | None, response: str | None, connectable: bool
    ) -> None:
        """From now on; data that is None stays as it was."""
        before, after = self._data
        self._data = (
            before if data is None else bytes.fromhex(data),
            after if response is None else bytes.fromhex(response),
        )
        if max(map(len, self._data)) > DATA_BYTES:
            self._data = before, after
            raise OSError(errno.EINVAL)
        kind = AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE
        if not connectable:
            kind = AdvertisingType.UNDIRECTED_SCANNABLE
        units = max(0x20, min(0x4000, interval_us // UNIT_US))
        self._wanted = units * UNIT_MS, kind
        await self.update()

    async def stop(self) -> None:
        """No more."""
        self._wanted = None
        await self._device.stop_advertising()

    def connected(self) -> None:
        """By it somebody is: as by the documentation it does not begin again by itself."""
        self._wanted = None

    async def pause(self) -> None:
        """The board has connected to another one: until that ends nobody could be taken."""
        await self._device.stop_advertising()

    async def update(self) -> None:
        """Begin if it is wanted; while there is a connection nobody else could be taken."""
        if self._wanted is None or self._device.connections:
            return
        interval_ms, kind = self._wanted
        data, response = self._data
        await self._device.start_advertising(
            advertising_type=kind,
            own_address_type=hci.OwnAddressType.PUBLIC,
            advertising_data=data,
            scan_response_data=response,
            advertising_interval_min=interval_ms,
            advertising_interval_max=interval_ms,
        )


class Scanning:
    """Reports, and at the end an event; `soon(coroutine)` runs something beside."""

    def __init__(self, device: Device, inbox: Inbox, soon: Callable[[Any], None]) -> None:
        self._device = device
        self._inbox = inbox
        self._soon = soon
        self._timer: asyncio.TimerHandle | None = None
        device.host.on("advertising_report", self._reported)

    async def start(self, duration_ms: int, interval_us: int, window_us: int, active: bool) -> None:
        """For a time, or (0) until stopped."""
        interval, window = interval_us / 1000, window_us / 1000
        if not 2.5 <= window <= interval <= 10240:
            raise OSError(errno.EINVAL)
        self.close()
        if self._device.is_scanning:
            await self._device.stop_scanning(legacy=True)
        await self._device.start_scanning(
            legacy=True, active=active, scan_interval=interval, scan_window=window,
            own_address_type=hci.OwnAddressType.PUBLIC,
        )  # fmt: skip
        if duration_ms > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(duration_ms / 1000, lambda: self._soon(self.stop()))

    async def stop(self) -> None:
        """Stop; the board hears of it, whether it was scanning or not."""
        self.close()
        await self._device.stop_scanning(legacy=True)
        self._inbox.post(SCAN_DONE)

    def close(self) -> None:
        """Forget the time at which it would end."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _reported(self, report: Any) -> None:
        if len(self._inbox) < SCAN_RESULTS:
            address = bytes(reversed(bytes(report.address))).hex()
            about = (report.address_type, address, report.event_type, report.rssi)
            self._inbox.post(SCAN_RESULT, *about, report.data.hex())
