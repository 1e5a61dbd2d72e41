"""A controller as bumble has it, with what the stock one lacks.

Scan responses, scan windows, the types of advertisements, cancelled connections, the pace and the
supervision timeout of connections, LE Encrypt, answers to unknown commands.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any

from bumble import controller as stock
from bumble import hci, ll
from bumble.core import PhysicalTransport

from picosim.bluetooth import advertiser
from picosim.bluetooth.advertiser import UNIT_S, Advertiser
from picosim.bluetooth.connection import AirConnection, End, acl_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from picosim.bluetooth.medium import Radio

ACL_BYTES = 251
"""Of a packet in the air, with data length extension."""
BOARD_BUFFERS = 8
HOST_BUFFERS = 128
FIRST_HANDLE = 0x40  # as the radio of a Pico W counts
RSSI_NOISE_DBM = 2
LE_ENCRYPT = 0x2017
FIRST_FLUSHABLE = 2
CONTINUATION = 1
_EXTENDED = (
    hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
    | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    | hci.LeFeatureMask.LE_CODED_PHY
)


class SimConnection(stock.Connection):
    """A connection as one of its controllers knows it."""

    air: AirConnection
    end: End

    def send_ll_control_pdu(self, packet: ll.ControlPdu) -> None:
        self.air.send_control(self.end, packet)


class SimController(stock.Controller):
    """On a radio, at a place."""

    le_features = stock.Controller.le_features & ~_EXTENDED
    le_acl_data_packet_length = ACL_BYTES
    acl_data_packet_length = ACL_BYTES
    total_num_le_acl_data_packets = BOARD_BUFFERS

    def __init__(self, radio: Radio, name: str, address: str) -> None:
        super().__init__(name, public_address=address)
        self.radio = radio
        self.place = (0.0, 0.0)
        self.has_room: Callable[[], bool] = lambda: True
        self.le_legacy_advertiser = Advertiser(self)
        self._scan_began = 0.0
        self._seen: set[tuple[Any, ...]] = set()
        self._loop = asyncio.get_running_loop()

    # -- packets from and to the host

    def on_packet(self, packet: bytes) -> None:
        if packet[0] == hci.HCI_ACL_DATA_PACKET:
            handle, _ = struct.unpack_from("<HH", packet, 1)
            connection = self.find_le_connection_by_handle(handle & 0xFFF)
            if isinstance(connection, SimConnection):
                begins = CONTINUATION if handle >> 12 & 3 == 1 else FIRST_FLUSHABLE
                connection.air.send(connection.end, begins, packet[5:])
        elif int.from_bytes(packet[1:3], "little") == LE_ENCRYPT:
            self._encrypt(packet[4:36])
        else:
            try:
                command = hci.HCI_Command.from_bytes(packet)
            except (IndexError, ValueError, struct.error):
                wrong = hci.HCI_ErrorCode.INVALID_COMMAND_PARAMETERS_ERROR
                self._send_hci_command_status(wrong, int.from_bytes(packet[1:3], "little"))
            else:
                self.on_hci_command_packet(command)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        self._to_host(bytes(packet))

    def _to_host(self, packet: bytes) -> None:
        if self.host:
            self._loop.call_soon(self.host.on_packet, packet)

    def deliver(self, handle: int, begins: int, data: bytes) -> None:
        """A packet came through the air."""
        self._to_host(acl_header(handle, begins, len(data)) + data)

    def completed(self, handle: int, count: int) -> None:
        """Packets of the host went through the air."""
        self._to_host(struct.pack("<BBBBHH", 4, 0x13, 5, 1, handle, count))

    def control(self, connection: stock.Connection, packet: ll.ControlPdu) -> None:
        """A control packet came through the air."""
        if isinstance(packet, ll.ConnectionUpdateInd) and isinstance(connection, SimConnection):
            connection.air.set_parameters(packet.interval, packet.latency, packet.timeout)
        self.on_ll_control_pdu(connection.peer_address, packet)

    # -- advertising and scanning

    def listens(self, now: float) -> bool:
        """Whether a scanner or an initiator has its window open."""
        pending = self._pending
        if self.le_scan_enable:
            interval, window = self.le_scan_interval, self.le_scan_window
        elif pending is not None:
            interval, window = pending.le_scan_interval, pending.le_scan_window
        else:
            return False
        return (now - self._scan_began) % (interval * UNIT_S) < window * UNIT_S

    def heard(self, sender: SimController, kind: int, data: bytes, response: bytes) -> None:
        """An advertisement came through the air."""
        if self.le_scan_enable:
            self._report(sender, kind, data)
            if self.le_scan_type == 1 and kind in (advertiser.IND, advertiser.SCAN_IND):
                self._report(sender, advertiser.SCAN_RSP, response)
        pending = self._pending
        if pending is not None and kind in (advertiser.IND, advertiser.DIRECT_IND):
            if bytes(pending.peer_address) == bytes(sender.public_address):
                self._connect(sender, pending)

    def _report(self, sender: SimController, kind: int, data: bytes) -> None:
        key = (sender, kind, data)
        if self.filter_duplicates and key in self._seen:
            return
        self._seen.add(key)
        noise = self.radio.rng.randint(-RSSI_NOISE_DBM, RSSI_NOISE_DBM)
        report = hci.HCI_LE_Advertising_Report_Event.Report(
            event_type=kind,
            address_type=sender.public_address.address_type,
            address=sender.public_address,
            data=data,
            rssi=self.radio.rssi(sender, self) + noise,
        )
        self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))

    def on_hci_le_set_scan_enable_command(
        self, command: hci.HCI_LE_Set_Scan_Enable_Command
    ) -> hci.HCI_StatusReturnParameters:
        self._scan_began = self._loop.time()
        self._seen.clear()
        return super().on_hci_le_set_scan_enable_command(command)

    # -- connections

    def allocate_connection_handle(self) -> int:
        taken = {connection.handle for connection in self.le_connections.values()}
        return next(n for n in range(FIRST_HANDLE, 0xEFF) if n not in taken)

    def on_hci_le_create_connection_command(
        self, command: hci.HCI_LE_Create_Connection_Command
    ) -> None:
        self._scan_began = self._loop.time()
        super().on_hci_le_create_connection_command(command)

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self._loop.call_soon(self._cancelled, pending)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def _cancelled(self, pending: Any) -> None:
        unknown = hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR
        peer, kind = pending.peer_address, pending.peer_address_type
        self._complete(unknown, 0, hci.Role.CENTRAL, peer, kind)

    def _complete(
        self, status: int, handle: int, role: hci.Role, peer: hci.Address, peer_kind: int,
        interval: int = 0, latency: int = 0, timeout: int = 0,
    ) -> None:  # fmt: skip
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=status,
                connection_handle=handle,
                role=role,
                peer_address_type=peer_kind,
                peer_address=peer,
                connection_interval=interval,
                peripheral_latency=latency,
                supervision_timeout=timeout,
                central_clock_accuracy=0,
            )
        )

    @property
    def _pending(self) -> hci.HCI_LE_Create_Connection_Command | None:
        pending = self.pending_le_connection
        return pending if isinstance(pending, hci.HCI_LE_Create_Connection_Command) else None

    def _connect(
        self, peripheral: SimController, pending: hci.HCI_LE_Create_Connection_Command
    ) -> None:
        self.pending_le_connection = None
        wanted_units = round(self.radio.faults.interval_ms / 1.25)
        low, high = pending.connection_interval_min, pending.connection_interval_max
        interval = wanted_units or max(low, high)
        latency, timeout = pending.max_latency, pending.supervision_timeout
        a = self._new_end(hci.Role.CENTRAL, peripheral)
        b = peripheral._new_end(hci.Role.PERIPHERAL, self)
        air = AirConnection(self.radio, a, b, interval, latency, timeout)
        peripheral.le_legacy_advertiser.stop()
        for end, other in ((a, b), (b, a)):
            own, peer = end.connection, other.controller.public_address
            own.air = air
            end.controller._complete(
                hci.HCI_ErrorCode.SUCCESS, own.handle, own.role, peer, peer.address_type,
                interval, latency, timeout,
            )  # fmt: skip

    def _new_end(self, role: hci.Role, other: SimController) -> End:
        connection = SimConnection(
            controller=self,
            handle=self.allocate_connection_handle(),
            role=role,
            self_address=self.public_address,
            peer_address=other.public_address,
            link=self.radio,
            transport=PhysicalTransport.LE,
            link_type=hci.HCI_Connection_Complete_Event.LinkType.ACL,
        )
        connection.end = End(self, connection)
        self.le_connections[other.public_address] = connection
        return connection.end

    def on_le_disconnected(self, connection: stock.Connection, reason: int) -> None:
        super().on_le_disconnected(connection, reason)
        if isinstance(connection, SimConnection):
            connection.air.close(connection.end)

    # -- other commands

    def on_hci_reset_command(
        self, command: hci.HCI_Reset_Command
    ) -> hci.HCI_StatusReturnParameters:
        """As new: a host begins."""
        self.say_goodbye()
        return super().on_hci_reset_command(command)

    def _encrypt(self, parameters: bytes) -> None:
        # AES-128 of one block; HCI has the least significant byte first.
        from bumble.crypto.cryptography import e

        data = e(parameters[:16], parameters[16:])
        self._to_host(struct.pack("<BBBBHB", 4, 0x0E, 20, 1, LE_ENCRYPT, 0) + data)

    def on_hci_read_rssi_command(
        self, command: hci.HCI_Read_RSSI_Command
    ) -> hci.HCI_Read_RSSI_ReturnParameters:
        """How strong the other side of a connection is."""
        connection = self.find_le_connection_by_handle(command.handle)
        if not isinstance(connection, SimConnection):
            unknown = hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR
            return hci.HCI_Read_RSSI_ReturnParameters(unknown, command.handle, 0)
        other = connection.air.other(connection.end).controller
        rssi = self.radio.rssi(other, self)
        return hci.HCI_Read_RSSI_ReturnParameters(
            hci.HCI_ErrorCode.SUCCESS, command.handle, max(-127, rssi)
        )

    def on_hci_command(self, command: hci.HCI_Command) -> Any:
        """Any that is not known."""
        unknown = hci.HCI_ErrorCode.UNKNOWN_HCI_COMMAND_ERROR
        if isinstance(command, hci.HCI_SyncCommand):
            return hci.HCI_StatusReturnParameters(unknown)
        self._send_hci_command_status(unknown, command.op_code)
        return None

    # -- the end

    def say_goodbye(self) -> None:
        """Before it is switched off: its connections end, and the others hear it."""
        for connection in list(self.le_connections.values()):
            reason = hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR
            connection.send_ll_control_pdu(ll.TerminateInd(reason))
            self.on_le_disconnected(connection, reason)
        self.le_legacy_advertiser.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None
