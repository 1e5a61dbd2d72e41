"""A scanner for the real bleak, on the simulated air."""

from __future__ import annotations

from typing import Any

from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.uuids import normalize_uuid_str

from picosim.bluetooth import host as adapter

_UUIDS_16 = (0x02, 0x03)
_UUIDS_32 = (0x04, 0x05)
_UUIDS_128 = (0x06, 0x07)
_NAMES = (0x09, 0x08)
_TX_POWER = 0x0A
_SERVICE_DATA = {0x16: 2, 0x20: 4, 0x21: 16}
_MANUFACTURER = 0xFF


class SimScanner(BaseBleakScanner):
    """As BlueZ's: it tells of a device each time that it is heard."""

    def __init__(
        self,
        detection_callback: Any,
        service_uuids: list[str] | None,
        scanning_mode: str = "active",
        **kwargs: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode != "passive"
        self._known: dict[str, dict[int, bytes]] = {}

    async def start(self) -> None:
        self.seen_devices = {}
        self._known.clear()
        self._stack = adapter.stack()
        await self._stack.scan(self, self._active)

    async def stop(self) -> None:
        await self._stack.scan_no_more(self)

    def heard(self, advertisement: Any) -> None:
        """An advertisement came, as bumble tells of it."""
        address = advertisement.address.to_string(with_type_qualifier=False)
        # As BlueZ does: what a device said before stays until it says otherwise.
        fields = self._known.setdefault(address, {})
        structures = advertisement.data.ad_structures
        for kind, data in structures:
            fields[kind] = data
        uuids = _uuids(fields)
        if not self.is_allowed_uuid(uuids):
            return
        name = next(
            (fields[kind].decode(errors="replace") for kind in _NAMES if kind in fields), None
        )
        maker = fields.get(_MANUFACTURER, b"")
        found = AdvertisementData(
            local_name=name,
            manufacturer_data={int.from_bytes(maker[:2], "little"): maker[2:]} if maker else {},
            service_data=_service_data(fields),
            service_uuids=uuids,
            tx_power=int.from_bytes(fields[_TX_POWER], "little", signed=True)
            if _TX_POWER in fields
            else None,
            rssi=advertisement.rssi,
            platform_data=(address, fields),
        )
        shown = name or address.replace(":", "-")
        details = {"address": address, "connectable": advertisement.is_connectable}
        device = self.create_or_update_device(address, address, shown, details, found)
        self.call_detection_callbacks(device, found)


def _uuids(fields: dict[int, bytes]) -> list[str]:
    found = []
    for kinds, size in ((_UUIDS_16, 2), (_UUIDS_32, 4), (_UUIDS_128, 16)):
        for kind in kinds:
            data = fields.get(kind, b"")
            for at in range(0, len(data) - size + 1, size):
                found.append(uuid_text(data[at : at + size]))
    return found


def _service_data(fields: dict[int, bytes]) -> dict[str, bytes]:
    return {
        uuid_text(fields[kind][:size]): fields[kind][size:]
        for kind, size in _SERVICE_DATA.items()
        if len(fields.get(kind, b"")) >= size
    }


def uuid_text(data: bytes) -> str:
    """A UUID as bleak writes it, from how it comes through the air."""
    text = data[::-1].hex()
    if len(text) == 32:
        text = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return normalize_uuid_str(text)
