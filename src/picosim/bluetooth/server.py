"""The GATT server of a board: the attributes are here, their values on the board."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bumble import att, gatt, gatt_server
from bumble.core import UUID

from picosim.bluetooth.hosting import LARGEST_MTU

if TYPE_CHECKING:
    from bumble.device import Connection, Device

READ, WRITE_COMMAND, WRITE, NOTIFY, INDICATE = 0x02, 0x04, 0x08, 0x10, 0x20
CCCD = UUID.from_16_bits(0x2902)
DATABASE_BYTES = 512
_PROPERTIES = 0x7F
_RIGHTS = att.Attribute.READABLE | att.Attribute.WRITEABLE
_NEEDS = {
    0x0200: att.Attribute.READ_REQUIRES_ENCRYPTION,
    0x0400: att.Attribute.READ_REQUIRES_AUTHENTICATION,
    0x0800: att.Attribute.READ_REQUIRES_AUTHORIZATION,
    0x1000: att.Attribute.WRITE_REQUIRES_ENCRYPTION,
    0x2000: att.Attribute.WRITE_REQUIRES_AUTHENTICATION,
    0x4000: att.Attribute.WRITE_REQUIRES_AUTHORIZATION,
}

Asked = Callable[[int, int], Awaitable[bytes]]
"""Of a connection and a handle: the value, as the board's program has it."""
Written = Callable[[int, int, bytes, bool], "Awaitable[None] | None"]
"""A connection, a handle, the value, whether an answer is waited for."""
Definition = list[tuple[str, list[tuple[str, int, list[tuple[str, int]]]]]]


class BoardServer(gatt_server.Server):
    """Asks the board for what is read, and hands over what is written, in order."""

    def __init__(self, device: Device, asked: Asked, written: Written) -> None:
        super().__init__(device)
        self.max_mtu = LARGEST_MTU
        self._asked = asked
        self._written = written
        self._flags: dict[int, int] = {}  # of the handles whose value is on the board
        self._built_in(0x1800, 0x2A00, dynamic=True)
        self._built_in(0x1801, 0x2A05, dynamic=False)

    def _built_in(self, service: int, characteristic: int, dynamic: bool) -> None:
        made = self._characteristic(UUID.from_16_bits(characteristic), READ, [], dynamic)
        self.add_service(gatt.Service(UUID.from_16_bits(service), [made]))
        self._remember(made, READ)

    def define(self, services: Definition) -> tuple[list[list[int]], list[int]]:
        """Add services; the handles of their values, and of those by which one subscribes.

        MemoryError: the firmware's database of attributes is full.
        """
        if sum(map(_size, _all_uuids(services))) > DATABASE_BYTES:
            raise MemoryError
        handles, subscriptions = [], []
        for service_uuid, characteristics in services:
            made = []
            for uuid, flags, descriptors in characteristics:
                extra = [
                    self._descriptor(UUID.from_bytes(bytes.fromhex(text)), its)
                    for text, its in descriptors
                ]
                if flags & (NOTIFY | INDICATE):
                    extra.insert(0, self._descriptor(CCCD, READ | WRITE | WRITE_COMMAND))
                made.append(
                    self._characteristic(UUID.from_bytes(bytes.fromhex(uuid)), flags, extra, True)
                )
            self.add_service(gatt.Service(UUID.from_bytes(bytes.fromhex(service_uuid)), made))
            numbers = []
            for item, (_, flags, descriptors) in zip(made, characteristics, strict=True):
                self._remember(item, flags)
                numbers.append(item.handle)
                own = [d for d in item.descriptors if d.type != CCCD]
                for descriptor, (_, its) in zip(own, descriptors, strict=True):
                    self._remember(descriptor, its)
                    numbers.append(descriptor.handle)
                for descriptor in item.descriptors:
                    if descriptor.type == CCCD:
                        self._remember(descriptor, READ | WRITE | WRITE_COMMAND)
                        subscriptions.append(descriptor.handle)
            handles.append(numbers)
        return handles, subscriptions

    def _remember(self, attribute: att.Attribute[bytes], flags: int) -> None:
        self._flags[attribute.handle] = flags

    def _characteristic(
        self, uuid: UUID, flags: int, descriptors: list[gatt.Descriptor], dynamic: bool
    ) -> gatt.Characteristic[bytes]:
        properties = gatt.Characteristic.Properties(flags & _PROPERTIES)
        made: gatt.Characteristic[bytes] = gatt.Characteristic(
            uuid, properties, _permissions(flags), b"", descriptors
        )
        if dynamic:
            self._make_dynamic(made, flags)
        return made

    def _descriptor(self, uuid: UUID, flags: int) -> gatt.Descriptor:
        made = gatt.Descriptor(uuid, _permissions(flags), b"")
        self._make_dynamic(made, flags)
        return made

    def _make_dynamic(self, attribute: Any, flags: int) -> None:
        async def read(connection: Connection) -> bytes:
            if not flags & READ:
                raise att.ATT_Error(att.ATT_READ_NOT_PERMITTED_ERROR, attribute.handle)
            return await self._asked(connection.handle, attribute.handle)

        async def write(connection: Connection, value: bytes) -> None:
            # A long write, which the firmware takes part by part.
            if not flags & WRITE:
                raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR, attribute.handle)
            done = self._written(connection.handle, attribute.handle, value, True)
            if done:
                await done

        attribute.value = att.AttributeValue(read=read, write=write)

    # -- writes: in the order in which they come, without a task for each

    def on_gatt_pdu(self, bearer: Any, att_pdu: att.ATT_PDU) -> None:
        if isinstance(att_pdu, att.ATT_Write_Command):
            handle = att_pdu.attribute_handle
            if self._flags.get(handle, 0) & WRITE_COMMAND and self._may_write(handle):
                self._written(bearer.handle, handle, att_pdu.attribute_value, False)
        elif isinstance(att_pdu, att.ATT_Write_Request):
            self._on_write(bearer, att_pdu)
        else:
            super().on_gatt_pdu(bearer, att_pdu)

    def _may_write(self, handle: int) -> bool:
        # Nothing on this board is ever encrypted.
        attribute = self.get_attribute(handle)
        return attribute is not None and not attribute.permissions & (
            att.Attribute.WRITE_REQUIRES_ENCRYPTION
            | att.Attribute.WRITE_REQUIRES_AUTHENTICATION
            | att.Attribute.WRITE_REQUIRES_AUTHORIZATION
        )

    def _on_write(self, bearer: Any, request: att.ATT_Write_Request) -> None:
        handle = request.attribute_handle
        error = 0
        if self.get_attribute(handle) is None:
            error = att.ATT_INVALID_HANDLE_ERROR
        elif not self._flags.get(handle, 0) & WRITE:
            error = att.ATT_WRITE_NOT_PERMITTED_ERROR
        elif not self._may_write(handle):
            error = att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR
        if error:
            self.send_response(bearer, att.ATT_Error_Response(request.op_code, handle, error))
            return
        done = self._written(bearer.handle, handle, request.attribute_value, True)
        if done is None:
            self.send_response(bearer, att.ATT_Write_Response())
            return

        def answer(_: Any) -> None:
            self.send_response(bearer, att.ATT_Write_Response())

        asyncio.ensure_future(done).add_done_callback(answer)


def _permissions(flags: int) -> att.Attribute.Permissions:
    permissions = att.Attribute.Permissions(_RIGHTS)
    for flag, need in _NEEDS.items():
        if flags & flag:
            permissions |= need
    return permissions


def _all_uuids(services: Definition) -> list[tuple[int, int]]:
    """(kind, length) of everything that stands in the firmware's database."""
    found = [(0, 2), (1, 2), (0, 2), (1, 2)]
    for service, characteristics in services:
        found.append((0, len(service) // 2))
        for uuid, flags, descriptors in characteristics:
            found.append((1, len(uuid) // 2))
            if flags & (NOTIFY | INDICATE):
                found.append((2, 4))
            found += [(2, len(text) // 2) for text, _ in descriptors]
    return found


def _size(entry: tuple[int, int]) -> int:
    # BTstack: size, flags, handle and a UUID of 16 bits stand before each value, or 128 bits.
    kind, length = entry
    head = 8
    if kind == 0:
        return head + length
    if kind == 1:
        return head + 3 + length + head - 2 + length
    return head - 2 + length
