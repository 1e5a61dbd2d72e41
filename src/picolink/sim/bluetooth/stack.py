"""The Bluetooth stack of one board: what its `bluetooth.BLE` calls, and what it is told.

The methods named `do_...` are the calls; what they return, or the error, goes to the board. Events
wait here until the board fetches them, which it does in its scheduler's turn; while many wait its
controller takes no more packets, and the other side has to keep what it sends.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bumble import core, hci
from bumble.device import AdvertisingType

from picolink.sim.bluetooth import hosting
from picolink.sim.bluetooth.client import BoardClient
from picolink.sim.bluetooth.controller import SimController
from picolink.sim.bluetooth.hosting import LARGEST_MTU, queued
from picolink.sim.bluetooth.server import BoardServer, Definition

if TYPE_CHECKING:
    from bumble.device import Connection, Device

    from picolink.sim.bluetooth.radio import Radio

CENTRAL_CONNECT, CENTRAL_DISCONNECT, GATTS_WRITE, GATTS_READ_REQUEST = 1, 2, 3, 4
SCAN_RESULT, SCAN_DONE, PERIPHERAL_CONNECT, PERIPHERAL_DISCONNECT = 5, 6, 7, 8
INDICATE_DONE, MTU_EXCHANGED, CONNECTION_UPDATE = 20, 21, 27
NOBODY, NO_ADDRESS_TYPE, NO_ADDRESS = 0xFFFF, 0xFF, "00" * 6
WAITING = 12
"""So many events wait for the board before its controller takes no more packets."""
SCAN_RESULTS = 40
"""So many reports of a scan wait; those that come then are lost."""
BATCH = 16
UNIT_MS = 0.625


class BoardStack:
    """From `active(True)` on; `wake()` has the board fetch its events."""

    def __init__(self, radio: Radio, name: str, mac: str, wake: Callable[[], None]) -> None:
        self.radio = radio
        self.name = name
        self.mac = mac
        self._wake = wake
        self.controller = SimController(radio, name, mac)
        self.controller.has_room = self._has_room
        self.device: Device = hosting.device(self.controller, LARGEST_MTU)
        self._events: deque[list[Any]] = deque()
        self._told = False
        self._fetched = 0
        self._requests: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._request = 0
        self._clients: dict[int, BoardClient] = {}
        self._mtu = LARGEST_MTU
        self._advertised = (b"", b"")
        self._advertise: tuple[float, AdvertisingType] | None = None
        self._scan: asyncio.TimerHandle | None = None
        self._scanning = False
        self._connecting: hci.Address | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on = False

    # -- events

    def post(self, *event: Any) -> None:
        """Something happened; the board will be told."""
        self._events.append(list(event))
        if not self._told:
            self._told = True
            self._wake()

    def _has_room(self) -> bool:
        return len(self._events) + self._fetched < WAITING

    def do_events(self, answers: list[tuple[int, int, str]]) -> list[list[Any]]:
        """The board has done what it fetched before, and answers what it was asked."""
        for number, status, value in answers:
            future = self._requests.pop(number, None)
            if future and not future.done():
                future.set_result((status, bytes.fromhex(value)))
        events = [self._events.popleft() for _ in range(min(BATCH, len(self._events)))]
        self._fetched = len(events)
        self._told = bool(events)
        return events

    # -- on and off

    async def do_on(self) -> str:
        """Switch it on; the address."""
        if not self._on:
            self._on = True
            self.radio.join(self.controller)
            device = self.device
            device.on("connection", self._connected)
            device.on("connection_failure", self._not_connected)
            device.host.on("advertising_report", self._reported)
            await device.power_on()
            self._new_server()
        return self._hex_address()

    def _hex_address(self) -> str:
        return bytes(reversed(bytes(self.controller.public_address))).hex()

    def do_mac(self) -> tuple[int, str]:
        """Type and address."""
        return 0, self._hex_address()

    def do_off(self) -> None:
        """Switch it off: whoever is connected hears it."""
        self.radio.retire(self.controller)
        self._end()

    def end(self) -> None:
        """Without power at once."""
        self.radio.leave(self.controller)
        self._end()

    def _end(self) -> None:
        self.controller.host = None
        if self._scan:
            self._scan.cancel()
        for task in self._tasks:
            task.cancel()
        for future in self._requests.values():
            future.cancel()
        self._requests.clear()
        self._events.clear()

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _command(self, command: hci.HCI_Command) -> None:
        async def send() -> None:
            try:
                await self.device.send_command(command)
            except hci.HCI_Error:
                pass  # it came too late: the connection was made, or ended, meanwhile

        self._soon(send())

    def do_mtu(self, mtu: int) -> None:
        """The largest that it agrees to."""
        self._mtu = mtu
        self.device.gatt_server.max_mtu = mtu

    def do_address(self, mode: int) -> None:
        """Of the address modes only the public one is simulated."""
        raise OSError(errno.EINVAL)

    # -- advertising and scanning

    async def do_advertise(
        self, interval_us: int, data: str | None, response: str | None, connectable: bool
    ) -> None:
        """Advertise from now on, if nobody is connected; data that is None stays."""
        before, after = self._advertised
        self._advertised = (
            before if data is None else bytes.fromhex(data)[:31],
            after if response is None else bytes.fromhex(response)[:31],
        )
        kind = AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE
        if not connectable:
            kind = AdvertisingType.UNDIRECTED_SCANNABLE
        units = max(32, min(0x4000, interval_us // 625))
        self._advertise = units * UNIT_MS, kind
        await self._update_advertising()

    async def do_quiet(self) -> None:
        """Advertise no more."""
        self._advertise = None
        await self.device.stop_advertising()

    async def _update_advertising(self) -> None:
        # There is one connection at most: while it lasts nobody else could be taken.
        if self._advertise is None or self.device.connections:
            return
        interval_ms, kind = self._advertise
        data, response = self._advertised
        await self.device.start_advertising(
            advertising_type=kind,
            own_address_type=hci.OwnAddressType.PUBLIC,
            advertising_data=data,
            scan_response_data=response,
            advertising_interval_min=interval_ms,
            advertising_interval_max=interval_ms,
        )

    async def do_scan(
        self, duration_ms: int, interval_us: int, window_us: int, active: bool
    ) -> None:
        """Scan, for a time or (0) until stopped."""
        interval, window = interval_us / 1000, window_us / 1000
        if not 2.5 <= window <= interval <= 10240:
            raise OSError(errno.EINVAL)
        if self._scan:
            self._scan.cancel()
            self._scan = None
        if self._scanning:
            await self.device.stop_scanning(legacy=True)
        self._scanning = True
        await self.device.start_scanning(
            legacy=True, active=active, scan_interval=interval, scan_window=window,
            own_address_type=hci.OwnAddressType.PUBLIC,
        )  # fmt: skip
        if duration_ms > 0:
            loop = asyncio.get_running_loop()
            self._scan = loop.call_later(
                duration_ms / 1000, lambda: self._soon(self.do_scan_stop())
            )

    async def do_scan_stop(self) -> None:
        """Stop; the board hears of it, whether it was scanning or not."""
        if self._scan:
            self._scan.cancel()
            self._scan = None
        self._scanning = False
        await self.device.stop_scanning(legacy=True)
        self.post(SCAN_DONE)

    def _reported(self, report: Any) -> None:
        if len(self._events) < SCAN_RESULTS:
            address = bytes(reversed(bytes(report.address))).hex()
            about = (report.address_type, address, report.event_type, report.rssi)
            self.post(SCAN_RESULT, *about, report.data.hex())

    # -- connections

    def do_connect(
        self, address_type: int, address: str, timeout_ms: int, min_us: int, max_us: int
    ) -> None:
        """Begin to connect; that never ends by itself, `connect_cancel` ends it."""
        peer = hci.Address(bytes(reversed(bytes.fromhex(address))), hci.AddressType(address_type))
        if self._connecting is not None:
            raise OSError(errno.EALREADY if peer == self._connecting else errno.ENOTCONN)
        if self.device.connections:
            raise OSError(errno.ENOTCONN)  # there is room for one
        timeout_units = timeout_ms // 10
        low, high = (min_us or 10000) // 1250, (max_us or 30000) // 1250
        if not (6 <= low <= high <= 3200 and 10 <= timeout_units <= 3200):
            raise OSError(errno.EINVAL)
        self._connecting = peer
        self.device.connect_own_address_type = hci.OwnAddressType.PUBLIC
        self._command(
            hci.HCI_LE_Create_Connection_Command(
                le_scan_interval=96,  # 60 ms
                le_scan_window=48,
                initiator_filter_policy=0,
                peer_address_type=address_type,
                peer_address=peer,
                own_address_type=0,
                connection_interval_min=low,
                connection_interval_max=high,
                max_latency=4,
                supervision_timeout=timeout_units,
                min_ce_length=16,
                max_ce_length=48,
            )
        )

    def do_connect_cancel(self) -> None:
        """Connect no more."""
        if self._connecting is None:
            raise OSError(errno.EINVAL)
        self._command(hci.HCI_LE_Create_Connection_Cancel_Command())

    def _not_connected(self, _: core.ConnectionError) -> None:
        self._connecting = None
        self.post(PERIPHERAL_DISCONNECT, NOBODY, NO_ADDRESS_TYPE, NO_ADDRESS)

    def _connected(self, connection: Connection) -> None:
        handle = connection.handle
        central = connection.role == hci.Role.CENTRAL
        if central:
            self._connecting = None
        self._clients[handle] = BoardClient(connection, self.post)
        connection.on("disconnection", lambda reason: self._disconnected(connection))
        connection.on("connection_att_mtu_update", lambda: self._mtu_changed(connection))
        connection.on("connection_parameters_update", lambda: self._updated(connection))
        address = bytes(reversed(bytes(connection.peer_address))).hex()
        event = PERIPHERAL_CONNECT if central else CENTRAL_CONNECT
        self._advertise = None  # as by the documentation: it does not begin again by itself
        self.post(event, handle, int(connection.peer_address.address_type), address)

    def _mtu_changed(self, connection: Connection) -> None:
        if connection.role == hci.Role.PERIPHERAL:
            self.post(MTU_EXCHANGED, connection.handle, connection.att_mtu)

    def _updated(self, connection: Connection) -> None:
        about = connection.parameters
        self.post(
            CONNECTION_UPDATE, connection.handle, round(about.connection_interval / 1.25),
            about.peripheral_latency, round(about.supervision_timeout / 10), 0,
        )  # fmt: skip

    def _disconnected(self, connection: Connection) -> None:
        client = self._clients.pop(connection.handle, None)
        if client:
            client.close()
        central = connection.role == hci.Role.CENTRAL
        event = PERIPHERAL_DISCONNECT if central else CENTRAL_DISCONNECT
        self.post(event, connection.handle, NO_ADDRESS_TYPE, NO_ADDRESS)
        asyncio.get_running_loop().call_soon(lambda: self._soon(self._update_advertising()))

    def do_disconnect(self, handle: int) -> bool:
        """End a connection; False if there is none."""
        if handle not in self.device.connections:
            return False
        self._command(hci.HCI_Disconnect_Command(connection_handle=handle, reason=0x13))
        return True

    # -- the server

    def _new_server(self) -> BoardServer:
        server = BoardServer(self.device, self._asked, self._written)
        server.max_mtu = self._mtu
        self.device.gatt_server = server
        for connection in self.device.connections.values():
            connection.gatt_server = server
        return server

    def do_services(self, services: Definition) -> tuple[list[list[int]], list[int]]:
        """In the place of all there were."""
        server = self._new_server()
        try:
            return server.define(services)
        except MemoryError:
            self._new_server()
            raise OSError(errno.ENOMEM) from None

    def _ask(self, event: int, connection: int, handle: int, data: str) -> Any:
        self._request += 1
        future = asyncio.get_running_loop().create_future()
        self._requests[self._request] = future
        self.post(event, connection, handle, self._request, data)
        return future

    async def _asked(self, connection: int, handle: int) -> bytes:
        from bumble import att

        status, value = await self._ask(GATTS_READ_REQUEST, connection, handle, "")
        if status:
            raise att.ATT_Error(status, handle)
        return bytes(value)

    def _written(self, connection: int, handle: int, value: bytes, wait: bool) -> Any:
        if wait:
            return self._ask(GATTS_WRITE, connection, handle, value.hex())
        self.post(GATTS_WRITE, connection, handle, None, value.hex())
        return None

    def _to_send(self, handle: int) -> Connection:
        connection = self.device.connections.get(handle)
        if connection is None:
            raise OSError(errno.EINVAL)
        return connection

    def do_notify(self, handle: int, value_handle: int, data: str) -> None:
        """Send a value, as much of it as goes into a packet."""
        connection = self._to_send(handle)
        if queued(connection) >= self.radio.faults.notify_queue:
            raise OSError(errno.ENOMEM)
        head = b"\x1b" + value_handle.to_bytes(2, "little")
        connection.send_l2cap_pdu(4, head + bytes.fromhex(data)[: connection.att_mtu - 3])

    def do_indicate(self, handle: int, value_handle: int, data: str) -> None:
        """Send a value and have it confirmed, which an event tells."""
        from bumble import att

        connection = self._to_send(handle)
        attribute = self.device.gatt_server.get_attribute(value_handle)
        if attribute is None:
            raise OSError(errno.EINVAL)
        value = bytes.fromhex(data)

        async def work() -> None:
            status = 0
            try:
                await self.device.gatt_server.indicate_subscriber(
                    connection, attribute, value, force=True
                )
            except (TimeoutError, core.TimeoutError, asyncio.CancelledError, att.ATT_Error):
                status = 0x90  # of BTstack: not confirmed in time
            self.post(INDICATE_DONE, handle, value_handle, status)

        self._soon(work())

    def do_update(self, value_handle: int, data: str, wanted: int) -> None:
        """A value changed: tell whoever is connected, as it was subscribed to."""
        for handle in list(self.device.connections):
            if wanted & 1:
                self.do_notify(handle, value_handle, data)
            if wanted & 2:
                self.do_indicate(handle, value_handle, data)

    # -- the client

    def _client(self, handle: int) -> BoardClient:
        if handle not in self._clients:
            raise OSError(errno.ENOTCONN)
        return self._clients[handle]

    def do_discover_services(self, handle: int, uuid: str | None) -> None:
        """See `BoardClient`."""
        self._client(handle).discover_services(uuid)

    def do_discover_characteristics(
        self, handle: int, start: int, end: int, uuid: str | None
    ) -> None:
        """See `BoardClient`."""
        self._client(handle).discover_characteristics(start, end, uuid)

    def do_discover_descriptors(self, handle: int, start: int, end: int) -> None:
        """See `BoardClient`."""
        self._client(handle).discover_descriptors(start, end)

    def do_read(self, handle: int, value_handle: int) -> None:
        """See `BoardClient`."""
        self._client(handle).read(value_handle)

    def do_write(self, handle: int, value_handle: int, data: str, mode: int) -> None:
        """See `BoardClient`."""
        self._client(handle).write(value_handle, bytes.fromhex(data), mode)

    def do_exchange_mtu(self, handle: int) -> None:
        """See `BoardClient`."""
        self._client(handle).exchange_mtu(self._mtu)
