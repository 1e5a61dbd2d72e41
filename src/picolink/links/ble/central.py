"""A board that connects to another node by its name or address. Loaded by boards that do."""

from asyncio import ThreadSafeFlag, TimeoutError, wait_for
from time import ticks_add, ticks_diff, ticks_ms

from .advertising import ADV_BYTES, LEAST_MTU_BYTES, RX, SERVICE_BYTES, TX, name_in
from .link import BleLink
from .radio import (
    CHARACTERISTIC_DONE,
    CHARACTERISTIC_RESULT,
    DESCRIPTOR_DONE,
    DESCRIPTOR_RESULT,
    MTU_EXCHANGED,
    NOTIFY,
    PERIPHERAL_CONNECT,
    PERIPHERAL_DISCONNECT,
    SCAN_DONE,
    SCAN_RESULT,
    WRITE_DONE,
)

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from .radio import Radio

_SCAN_MS = 5000
_MORE_MS = 300  # after the first of that name: there may be another
_CONNECT_MS = 4000
_ANSWER_MS = 3000
_INTERVAL_US = 7500, 15000  # of the connection
_CCCD = 0x2902  # the descriptor that switches notifications on


def _address(where: str) -> "bytes | None":
    """`AA:BB:CC:DD:EE:FF` as bytes; None where it is a name."""
    try:
        parts = bytes([int(part, 16) for part in where.split(":")])
    except ValueError:
        return None
    return parts if len(parts) == 6 else None


class Central:
    """One way to a peripheral: found, connected, asked what it has; then a link."""

    def __init__(self, radio: "Radio", where: str) -> None:
        self._radio = radio
        self._where = where
        self._address = _address(where)
        self._flag = ThreadSafeFlag()
        self._seen: dict[bytes, list[Any]] = {}  # address -> its type, its name
        self._scanning = False
        self._conn = -1
        self._done: int | None = None  # the status of what was asked
        self._mtu_bytes = 0
        self._rx: Any = None  # (connection, last handle, handle, properties, UUID)
        self._tx: Any = None
        self._cccd = 0
        self._link: BleLink | None = None

    def heard(self, event: int, data: "Any") -> None:
        """Hears of what was asked; in the interrupt."""
        link = self._link
        uuid = self._radio.uuid
        if event == NOTIFY:
            if link is not None:
                link.take(bytes(data[2]))
            return
        if event == SCAN_RESULT:
            self._found(data[0], bytes(data[1]), bytes(data[4]))
            return
        if event == SCAN_DONE:
            self._scanning = False
        elif event == PERIPHERAL_CONNECT:
            self._conn = data[0]
            self._radio.owners[data[0]] = self
        elif event == PERIPHERAL_DISCONNECT:
            self._radio.owners.pop(data[0], None)
            self._conn = -1
            if link is not None:
                link.end("%s has gone, or is out of range" % self._where)
        elif event == CHARACTERISTIC_RESULT:
            if data[4] == uuid(RX):
                self._rx = tuple(data)
            elif data[4] == uuid(TX):
                self._tx = tuple(data)
        elif event == DESCRIPTOR_RESULT:
            if data[2] == uuid(_CCCD):
                self._cccd = data[1]
        elif event == MTU_EXCHANGED:
            self._mtu_bytes = data[1]
        elif event in (CHARACTERISTIC_DONE, DESCRIPTOR_DONE, WRITE_DONE):
            self._done = data[-1]
        if link is not None:
            link.wake()
        self._flag.set()

    def _found(self, kind: int, address: bytes, payload: bytes) -> None:
        known = self._seen.get(address)
        if known is None and (SERVICE_BYTES in payload or address == self._address):
            self._seen[address] = known = [kind, ""]
        if known is not None:
            name = name_in(payload)
            if name:
                known[1] = name
            self._flag.set()

    def _matches(self) -> "list[tuple[int, bytes]]":
        name = self._where[: ADV_BYTES - 2]
        return [
            (kind, address)
            for address, (kind, told) in self._seen.items()
            if address == self._address or told == name
        ]

    async def _until(self, ready: "Callable[[], Any]", timeout_ms: int) -> bool:
        """Waits for what the handler tells; False where it did not come in time."""
        end_ms = ticks_add(ticks_ms(), timeout_ms)
        while not ready():
            left_ms = ticks_diff(end_ms, ticks_ms())
            if left_ms <= 0:
                return False
            try:
                await wait_for(self._flag.wait(), left_ms / 1000)
            except TimeoutError:
                pass
        return True

    async def dial(self) -> BleLink:
        """Scans, connects, and makes a link; CannotConnect says what was missing."""
        radio = self._radio
        async with radio.lock:
            if radio.owners:
                raise self._cannot("held")
            radio.central = self
            try:
                return await self._connect(*await self._find())
            except BaseException:
                self._hang_up()
                raise
            finally:
                radio.central = None

    async def _find(self) -> "tuple[int, bytes]":
        ble = self._radio.ble
        self._scanning = True
        ble.gap_scan(_SCAN_MS, 30000, 30000, True)
        try:
            await self._until(lambda: self._matches() or not self._scanning, _SCAN_MS + 1000)
            if self._address is None:
                await self._until(lambda: not self._scanning, _MORE_MS)
        finally:
            if self._scanning:
                ble.gap_scan(None)
        matches = self._matches()
        if not matches:
            raise self._cannot("none")
        if len(matches) > 1:
            from .refusal import several

            raise several(self._where, [address for _, address in matches])
        return matches[0]

    async def _connect(self, kind: int, address: bytes) -> BleLink:
        ble = self._radio.ble
        # A scan that was stopped says so first.
        await self._until(lambda: not self._scanning, _ANSWER_MS)
        ble.gap_connect(kind, address, _CONNECT_MS, *_INTERVAL_US)
        if not await self._until(lambda: self._conn >= 0, _CONNECT_MS + 1000):
            raise self._cannot("silent")
        conn = self._conn
        ble.gattc_exchange_mtu(conn)
        await self._until(lambda: self._mtu_bytes or self._conn < 0, _ANSWER_MS)
        await self._ask(lambda: ble.gattc_discover_characteristics(conn, 1, 0xFFFF))
        rx, tx = self._rx, self._tx
        if not (rx and tx):
            raise self._cannot("service")
        await self._ask(lambda: ble.gattc_discover_descriptors(conn, tx[2], tx[1]))
        link = BleLink(
            "ble:" + self._where,
            self._mtu_bytes or LEAST_MTU_BYTES,
            lambda packet: ble.gattc_write(conn, rx[2], packet, 0),
            self._hang_up,
        )
        self._link = link
        await self._ask(lambda: ble.gattc_write(conn, self._cccd, b"\x01\x00", 1))
        return link

    def _cannot(self, kind: str) -> Exception:
        from .refusal import cannot

        return cannot(kind, self._where)

    async def _ask(self, begin: "Callable[[], object]") -> None:
        """Begins something that ends with an event."""
        self._done = None
        begin()
        await self._until(lambda: self._done is not None or self._conn < 0, _ANSWER_MS)
        if self._done != 0:
            raise self._cannot("asked")

    def _hang_up(self) -> None:
        ble = self._radio.ble
        try:
            if self._conn >= 0:
                ble.gap_disconnect(self._conn)
            else:
                ble.gap_connect(None)
        except OSError:
            pass  # it has ended by itself
