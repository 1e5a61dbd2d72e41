"""A bumble stack without what it does per packet for its log alone."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from bumble import att, gatt_client, gatt_server, hci
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host

if TYPE_CHECKING:
    from bumble.device import Connection

LARGEST_MTU = 1017
"""Of a board's stack."""


class QuickHost(Host):
    """Passes data packets on without making text of each."""

    def on_packet(self, packet: bytes) -> None:
        if packet[0] == hci.HCI_ACL_DATA_PACKET and self.ready:
            handle, length = struct.unpack_from("<HH", packet, 1)
            connection = self.connections.get(handle & 0xFFF)
            if connection is not None:
                flags = handle >> 12
                data = hci.HCI_AclDataPacket(handle & 0xFFF, flags & 3, 0, length, packet[5:])
                connection.on_hci_acl_data_packet(data)
            return
        super().on_packet(packet)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if self.hci_sink:
            self.hci_sink.on_packet(bytes(packet))

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if isinstance(packet, hci.HCI_Event):
            self.on_hci_event_packet(packet)


def device(controller: Any, max_mtu: int) -> Device:
    """A stack on a controller, or on a way to one; to be switched on."""
    host = QuickHost(controller, controller)
    config = DeviceConfiguration(gap_service_enabled=False, gatt_service_enabled=False)
    made = Device(config=config, host=host)
    made.gatt_server = gatt_server.Server(made)
    made.gatt_server.max_mtu = max_mtu
    made.l2cap_channel_manager.register_fixed_channel(att.ATT_CID, _on_att(made))
    return made


def _on_att(stack: Device) -> Any:
    def received(connection_handle: int, pdu: bytes) -> None:
        connection = stack.connections.get(connection_handle)
        if connection is None:
            return
        packet = att.ATT_PDU.from_bytes(pdu)
        if packet.op_code & 1:
            connection.gatt_client.on_gatt_pdu(packet)
        elif connection.gatt_server is not None:
            connection.gatt_server.on_gatt_pdu(connection, packet)

    return received


class QuickClient(gatt_client.Client):
    """What the server sends by itself goes to `on_value(handle, value, indicated)`."""

    def __init__(self, bearer: Connection) -> None:
        super().__init__(bearer)
        self.on_value: Any = lambda handle, value, indicated: None

    def on_gatt_pdu(self, att_pdu: att.ATT_PDU) -> None:
        if isinstance(att_pdu, att.ATT_Handle_Value_Notification):
            self.on_value(att_pdu.attribute_handle, att_pdu.attribute_value, False)
        elif isinstance(att_pdu, att.ATT_Handle_Value_Indication):
            self.on_value(att_pdu.attribute_handle, att_pdu.attribute_value, True)
            self.send_gatt_pdu(bytes(att.ATT_Handle_Value_Confirmation()))
        else:
            super().on_gatt_pdu(att_pdu)


def queued(connection: Connection) -> int:
    """How many packets of a connection wait, or are with the controller."""
    queue = connection.device.host.get_data_packet_queue(connection.handle)
    return queue.pending if queue else 0
