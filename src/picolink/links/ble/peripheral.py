"""A board that centrals connect to: it advertises while nobody does. One connection, as the stock
firmware has."""

from io import IOBase

from .advertising import (
    LARGEST_BYTES,
    LEAST_MTU_BYTES,
    RX,
    SERVICE,
    TX,
    packet_bytes,
    payloads,
)
from .link import BleLink
from .radio import CENTRAL_CONNECT, CENTRAL_DISCONNECT, GATTS_WRITE, MTU_EXCHANGED

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from .radio import Radio

_NOTIFY, _WRITE, _WRITE_NO_RESPONSE = 0x10, 0x08, 0x04


class Peripheral(IOBase):
    """A listener: a central that speaks to our service gets a link."""

    def __init__(self, radio: "Radio", name: str, options: "dict[str, str]") -> None:
        self.address = "ble-peripheral:"
        self.pollable = self
        self._radio = radio
        self._name = options.get("name", name)
        interval_ms = options.get("interval_ms", "100")
        if not interval_ms.isdigit() or not 20 <= int(interval_ms) <= 10240:
            from .refusal import bad_interval

            raise bad_interval(interval_ms)
        self._interval_us = int(interval_ms) * 1000
        self._conn = -1
        self._mtu_bytes = LEAST_MTU_BYTES
        self._link: BleLink | None = None
        self._new: list[BleLink] = []  # not accepted yet
        self._rx = self._tx = 0
        self._mapped: Any = None  # plain characteristics: node.gatt.Gatt
        self._written: list[tuple[int, bytes]] = []  # to them

    def watch(self, node: "Any", callback: "Callable[[], None]") -> "Any":
        """Begins to advertise the node; `callback` is called when a central speaks."""
        name = self._name or node.name
        self.address = "ble-peripheral:" + name
        ble, uuid = self._radio.ble, self._radio.uuid
        ble.config(gap_name=name)
        rx = (uuid(RX), _WRITE | _WRITE_NO_RESPONSE)
        services = [(uuid(SERVICE), (rx, (uuid(TX), _NOTIFY)))]
        mapped = getattr(node, "gatts", None)
        if mapped is not None:
            services += mapped.services(uuid)
        try:
            handles = ble.gatts_register_services(tuple(services))
        except OSError as error:
            if mapped is None:
                raise
            from .refusal import too_many

            raise too_many(error) from None
        self._rx, self._tx = handles[0]
        ble.gatts_set_buffer(self._rx, LARGEST_BYTES)
        if mapped is not None:
            mapped.open(node, ble, handles[1:])
            self._mapped = mapped
        self._radio.peripheral = self
        advertisement, response = payloads(name)
        ble.gap_advertise(self._interval_us, adv_data=advertisement, resp_data=response)
        return node.host.watch(self, callback)

    def heard(self, event: int, data: "Any") -> None:
        """Hears of a central; in the interrupt."""
        conn = data[0]
        link = self._link
        if event == GATTS_WRITE:
            # At once: the next write takes the place of this one.
            packet = self._radio.ble.gatts_read(data[1])
            if data[1] != self._rx:
                self._written.append((data[1], packet))
            else:
                if link is None:
                    self._link = link = self._make(conn)
                    self._new.append(link)
                link.take(packet)
        elif event == CENTRAL_CONNECT:
            self._conn = conn
            self._mtu_bytes = LEAST_MTU_BYTES
            self._radio.owners[conn] = self
        elif event == CENTRAL_DISCONNECT:
            self._radio.owners.pop(conn, None)
            self._conn = -1
            self._link = None
            if link is not None:
                link.end("the central has gone, or is out of range")
            self._radio.ble.gap_advertise(self._interval_us)  # as before
        else:
            if event == MTU_EXCHANGED:
                self._mtu_bytes = data[1]
                if link is not None:
                    link.mtu_bytes = packet_bytes(data[1])
            if link is not None:
                link.wake()

    def _make(self, conn: int) -> BleLink:
        ble, tx = self._radio.ble, self._tx
        return BleLink(
            self.address,
            self._mtu_bytes,
            lambda packet: ble.gatts_notify(conn, tx, packet),
            lambda: ble.gap_disconnect(conn),
        )

    def ioctl(self, request: int, flags: int) -> int:
        """Answers `poll`: readable while somebody waits to be accepted, or has written."""
        if request != 3:
            return -1
        return flags & 1 if self._new or self._written else 0

    def accept(self) -> "BleLink | None":
        """The link of a central that has spoken, or None."""
        while self._written:
            self._mapped.written(*self._written.pop(0))
        return self._new.pop(0) if self._new else None

    def close(self) -> None:
        """Nobody finds it any more; who is connected is let go."""
        ble = self._radio.ble
        self._radio.peripheral = None
        ble.gap_advertise(None)
        if self._conn >= 0:
            ble.gap_disconnect(self._conn)
