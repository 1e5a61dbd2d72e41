"""The GATT client of a board: one question at a time for each connection, as on BTstack."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from bumble import att, core
from bumble.core import UUID
from bumble.gatt_client import ServiceProxy

from picosim.bluetooth.hosting import QuickClient, queued

if TYPE_CHECKING:
    from bumble.device import Connection

SERVICE_RESULT, SERVICE_DONE = 9, 10
CHARACTERISTIC_RESULT, CHARACTERISTIC_DONE = 11, 12
DESCRIPTOR_RESULT, DESCRIPTOR_DONE = 13, 14
READ_RESULT, READ_DONE, WRITE_DONE = 15, 16, 17
NOTIFY, INDICATE, MTU_EXCHANGED = 18, 19, 21
NO_ANSWER = 0x7F  # a status of BTstack's own: the connection ended meanwhile
SEND_BUFFERS = 8


class BoardClient:
    """For one connection; `post(event, ...)` tells the board. The methods named `do_...` are what
    its program calls."""

    def __init__(self, connection: Connection, post: Callable[..., None]) -> None:
        self._connection = connection
        self._handle = connection.handle
        self._post = post
        self._client = QuickClient(connection)
        self._client.on_value = self._came
        connection.gatt_client = self._client
        self._task: asyncio.Task[None] | None = None
        self._unsent: tuple[int, bytes] | None = None

    def close(self) -> None:
        """The connection has ended."""
        self._unsent = None

    def _came(self, handle: int, value: bytes, indicated: bool) -> None:
        self._post(INDICATE if indicated else NOTIFY, self._handle, handle, value.hex())

    def _begin(self, work: Coroutine[Any, Any, None], done: Callable[[int], None]) -> None:
        if self._task is not None:
            work.close()
            raise OSError(errno.EALREADY)

        async def run() -> None:
            status = 0
            try:
                await work
            except att.ATT_Error as error:
                status = error.error_code
            except (core.TimeoutError, TimeoutError, asyncio.CancelledError):
                status = NO_ANSWER
            self._task = None
            done(status)

        self._task = asyncio.create_task(run())

    def do_discover_services(self, uuid: str | None) -> None:
        """All, or those with a UUID."""

        async def work() -> None:
            if uuid is None:
                found = await self._client.discover_services()
            else:
                found = await self._client.discover_service(UUID.from_bytes(bytes.fromhex(uuid)))
            for service in found:
                about = (service.handle, service.end_group_handle, _text(service.uuid))
                self._post(SERVICE_RESULT, self._handle, *about)

        self._begin(work(), lambda status: self._post(SERVICE_DONE, self._handle, status))

    def do_discover_characteristics(self, start: int, end: int, uuid: str | None) -> None:
        """Those between two handles, all or with a UUID."""

        async def work() -> None:
            service = ServiceProxy(self._client, start, end, UUID.from_16_bits(0))
            found = await self._client.discover_characteristics([], service)
            for item in found:
                if uuid is None or item.uuid == UUID.from_bytes(bytes.fromhex(uuid)):
                    about = (item.end_group_handle, item.handle, int(item.properties))
                    text = _text(item.uuid)
                    self._post(CHARACTERISTIC_RESULT, self._handle, *about, text)

        self._begin(work(), lambda status: self._post(CHARACTERISTIC_DONE, self._handle, status))

    def do_discover_descriptors(self, start: int, end: int) -> None:
        """Those behind a value's handle, up to another."""

        async def work() -> None:
            for item in await self._client.discover_descriptors(None, start + 1, end):
                self._post(DESCRIPTOR_RESULT, self._handle, item.handle, _text(item.type))

        self._begin(work(), lambda status: self._post(DESCRIPTOR_DONE, self._handle, status))

    def _check_unsent(self) -> None:
        # A write that waits to be sent is a question under way, too.
        if self._unsent is not None:
            raise OSError(errno.EALREADY)

    def do_read(self, handle: int) -> None:
        """One value."""
        self._check_unsent()

        async def work() -> None:
            value = await self._client.read_value(handle)
            self._post(READ_RESULT, self._handle, handle, value.hex())

        self._begin(work(), lambda status: self._post(READ_DONE, self._handle, handle, status))

    def do_write(self, handle: int, data: str, mode: int) -> None:
        """With (1) or without (0) an answer."""
        value = bytes.fromhex(data)
        if mode not in (0, 1) or len(value) > self._client.mtu - 3:
            raise OSError(errno.EINVAL)
        self._check_unsent()
        if mode == 0:
            if queued(self._connection) >= SEND_BUFFERS:
                if self._task is not None:
                    raise OSError(errno.EALREADY)
                self._unsent = handle, value
                queue = self._connection.device.host.get_data_packet_queue(self._handle)
                if queue:
                    queue.once("flow", self._room)
            else:
                self._send(handle, value)
            return

        async def work() -> None:
            await self._client.write_value(handle, value, True)

        self._begin(work(), lambda status: self._post(WRITE_DONE, self._handle, handle, status))

    def _room(self) -> None:
        if self._unsent is not None:
            unsent, self._unsent = self._unsent, None
            self._send(*unsent)

    def _send(self, handle: int, value: bytes) -> None:
        self._client.send_gatt_pdu(bytes(att.ATT_Write_Command(handle, value)))

    def do_exchange_mtu(self, mtu: int) -> None:
        """Ask for packets as large as `mtu`."""

        async def work() -> None:
            agreed = await self._client.request_mtu(mtu)
            self._post(MTU_EXCHANGED, self._handle, agreed)

        self._begin(work(), lambda status: None)


def _text(uuid: UUID) -> str:
    return "u" + uuid.to_pdu_bytes().hex()
