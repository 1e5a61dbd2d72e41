"""The Bluetooth stack of one board: what its `bluetooth.BLE` calls, and what it is told.

The methods named `do_...` are the calls; what they return, or the error, goes to the board. Events
wait here until the board fetches them, which it does in its scheduler's turn; while many wait its
controller takes no more packets, and the other side has to keep what it sends.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bumble import att, core, hci

from picosim.bluetooth import hosting
from picosim.bluetooth.client import BoardClient
from picosim.bluetooth.controller import SimController
from picosim.bluetooth.discovery import Advertising, Scanning
from picosim.bluetooth.hosting import LARGEST_MTU, queued
from picosim.bluetooth.inbox import Inbox
from picosim.bluetooth.server import BoardServer, Definition

if TYPE_CHECKING:
    from bumble.device import Connection, Device

    from picosim.bluetooth.medium import Radio

CENTRAL_CONNECT, CENTRAL_DISCONNECT, GATTS_WRITE, GATTS_READ_REQUEST = 1, 2, 3, 4
PERIPHERAL_CONNECT, PERIPHERAL_DISCONNECT = 7, 8
INDICATE_DONE, MTU_EXCHANGED, CONNECTION_UPDATE = 20, 21, 27
NOBODY, NO_ADDRESS_TYPE, NO_ADDRESS = 0xFFFF, 0xFF, "00" * 6
WAITING = 12
"""So many events wait for the board before its controller takes no more packets."""


class BoardStack:
    """From `active(True)` on; `wake()` has the board fetch its events."""

    def __init__(self, radio: Radio, name: str, mac: str, wake: Callable[[], None]) -> None:
        self.radio = radio
        self.mac = mac
        self.controller = SimController(radio, name, mac)
        self.inbox = Inbox(wake)
        self.controller.has_room = lambda: len(self.inbox) < WAITING
        self.device: Device = hosting.device(self.controller, LARGEST_MTU)
        self._advertising = Advertising(self.device)
        self._scanning = Scanning(self.device, self.inbox, self._soon)
        self._clients: dict[int, BoardClient] = {}
        self._mtu = LARGEST_MTU
        self._connecting: hci.Address | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.do_events = self.inbox.fetch
        self.do_advertise = self._advertising.start
        self.do_quiet = self._advertising.stop
        self.do_scan = self._scanning.start
        self.do_scan_stop = self._scanning.stop

    # -- on and off

    async def do_on(self) -> str:
        """Switch it on; the address."""
        self.radio.join(self.controller)
        self.device.on("connection", self._connected)
        self.device.on("connection_failure", self._not_connected)
        await self.device.power_on()
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
        self._scanning.close()
        for task in self._tasks:
            task.cancel()
        self.inbox.clear()

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _command(self, command: Any) -> None:
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
        self.inbox.post(PERIPHERAL_DISCONNECT, NOBODY, NO_ADDRESS_TYPE, NO_ADDRESS)

    def _connected(self, connection: Connection) -> None:
        handle = connection.handle
        central = connection.role == hci.Role.CENTRAL
        if central:
            self._connecting = None
        self._clients[handle] = BoardClient(connection, self.inbox.post)
        connection.on("disconnection", lambda reason: self._disconnected(connection))
        connection.on("connection_att_mtu_update", lambda: self._mtu_changed(connection))
        connection.on("connection_parameters_update", lambda: self._updated(connection))
        address = bytes(reversed(bytes(connection.peer_address))).hex()
        event = PERIPHERAL_CONNECT if central else CENTRAL_CONNECT
        if central:
            self._soon(self._advertising.pause())
        else:
            self._advertising.connected()
        self.inbox.post(event, handle, int(connection.peer_address.address_type), address)

    def _mtu_changed(self, connection: Connection) -> None:
        if connection.role == hci.Role.PERIPHERAL:
            self.inbox.post(MTU_EXCHANGED, connection.handle, connection.att_mtu)

    def _updated(self, connection: Connection) -> None:
        about = connection.parameters
        self.inbox.post(
            CONNECTION_UPDATE, connection.handle, round(about.connection_interval / 1.25),
            about.peripheral_latency, round(about.supervision_timeout / 10), 0,
        )  # fmt: skip

    def _disconnected(self, connection: Connection) -> None:
        client = self._clients.pop(connection.handle, None)
        if client:
            client.close()
        central = connection.role == hci.Role.CENTRAL
        event = PERIPHERAL_DISCONNECT if central else CENTRAL_DISCONNECT
        self.inbox.post(event, connection.handle, NO_ADDRESS_TYPE, NO_ADDRESS)
        asyncio.get_running_loop().call_soon(lambda: self._soon(self._advertising.update()))

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

    async def _asked(self, connection: int, handle: int) -> bytes:
        status, value = await self.inbox.ask(GATTS_READ_REQUEST, connection, handle, "")
        if status:
            raise att.ATT_Error(status, handle)
        return bytes(value)

    def _written(self, connection: int, handle: int, value: bytes, wait: bool) -> Any:
        if wait:
            return self.inbox.ask(GATTS_WRITE, connection, handle, value.hex())
        self.inbox.post(GATTS_WRITE, connection, handle, None, value.hex())
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
            self.inbox.post(INDICATE_DONE, handle, value_handle, status)

        self._soon(work())

    def do_update(self, value_handle: int, data: str, wanted: int) -> None:
        """A value changed: tell whoever is connected, as it was subscribed to."""
        for handle in list(self.device.connections):
            if wanted & 1:
                self.do_notify(handle, value_handle, data)
            if wanted & 2:
                self.do_indicate(handle, value_handle, data)

    # -- the client

    def do_client(self, name: str, handle: int, *arguments: Any) -> None:
        """What a `BoardClient` can do."""
        if handle not in self._clients:
            raise OSError(errno.ENOTCONN)
        getattr(self._clients[handle], "do_" + name)(*arguments)
