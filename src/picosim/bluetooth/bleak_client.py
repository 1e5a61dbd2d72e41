"""A client for the real bleak, on the simulated air; errors are those of BlueZ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bleak.uuids import normalize_uuid_str

from picosim.bluetooth import host as adapter
from picosim.bluetooth.bleak_scanner import SimScanner, uuid_text

if TYPE_CHECKING:
    from bumble.device import Connection

INTERVALS_MS = (30, 50)
SUPERVISION_MS = 420
"""As BlueZ asks for, unless the peripheral asks for other ones."""
CCCD = 0x2902
LARGEST_VALUE = 512
_FAILED = "org.bluez.Error.Failed"


class SimClient(BaseBleakClient):
    """One connection to a device."""

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        services: set[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(address_or_ble_device, **kwargs)
        self._known = isinstance(address_or_ble_device, BLEDevice)
        self._name = (
            address_or_ble_device.name if isinstance(address_or_ble_device, BLEDevice) else None
        )
        self._wanted = services
        self._connection: Connection | None = None
        self._client: Any = None
        self._callbacks: dict[int, Callable[[bytearray], None]] = {}
        self._taken: tuple[adapter.HostStack, Any] | None = None
        self._gone = asyncio.Event()

    @property
    def name(self) -> str:
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else 23

    async def _acquire_mtu(self) -> None:
        """BlueZ needs this before it tells the MTU."""

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    # -- connecting

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        if self._connection:
            raise BleakError("Client is already connected")
        timeout_s = kwargs.get("timeout", self._timeout)
        stack = adapter.stack()
        if not self._known:
            await self._find(timeout_s)
        device = await stack.taken()
        self._taken = stack, device
        try:
            async with asyncio.timeout(timeout_s):
                await self._establish(stack, device)
        except BaseException:
            if self._connection:
                await self.disconnect()
            else:
                await self._release()
            raise

    async def _find(self, timeout_s: float) -> None:
        # BlueZ connects to what it has seen, and to nothing else.
        found = asyncio.Event()

        def heard(device: BLEDevice, _: Any) -> None:
            if device.address.lower() == self.address.lower():
                self._name = device.name
                found.set()

        scanner = SimScanner(heard, None)
        await scanner.start()
        try:
            async with asyncio.timeout(timeout_s):
                await found.wait()
        except TimeoutError:
            raise BleakDeviceNotFoundError(
                self.address, f"Device with address {self.address} was not found."
            ) from None
        finally:
            await scanner.stop()
        self._known = True

    async def _establish(self, stack: adapter.HostStack, device: Any) -> None:
        from bumble import core, hci
        from bumble.device import ConnectionParametersPreferences

        from picosim.bluetooth.hosting import QuickClient

        low, high = INTERVALS_MS
        wanted = ConnectionParametersPreferences(
            connection_interval_min=low, connection_interval_max=high,
            supervision_timeout=SUPERVISION_MS,
        )  # fmt: skip
        peer = hci.Address(self.address, hci.Address.PUBLIC_DEVICE_ADDRESS)
        async with stack.connecting:
            connecting = asyncio.create_task(
                device.connect_le(
                    peer, {hci.Phy.LE_1M: wanted}, hci.OwnAddressType.PUBLIC, timeout=None
                )
            )
            try:
                connection = await asyncio.shield(connecting)
            except asyncio.CancelledError:
                if stack.device is not None and stack.device is device:
                    await device.cancel_connection()
                await asyncio.wait([connecting], timeout=1)
                if connecting.done() and not connecting.cancelled() and not connecting.exception():
                    await device.disconnect(connecting.result(), 0x13)
                raise
            except (core.ConnectionError, core.InvalidStateError, hci.HCI_Error):
                raise BleakDBusError(_FAILED, ["le-connection-abort-by-local"]) from None
        self._connection = connection
        self._gone.clear()
        self._client = QuickClient(connection)
        self._client.on_value = self._came
        connection.gatt_client = self._client
        connection.on("disconnection", self._disconnected)
        try:
            await self._client.request_mtu(adapter.MAX_MTU)
            self.services = await self._discover()
        except (asyncio.CancelledError, core.BaseBumbleError):
            if self._connection is None:  # else it is bleak's own caller who cancels
                raise BleakDBusError(_FAILED, ["le-connection-abort-by-local"]) from None
            raise

    async def _discover(self) -> BleakGATTServiceCollection:
        found = BleakGATTServiceCollection()
        for service in await self._client.discover_services():
            uuid = uuid_text(service.uuid.to_pdu_bytes())
            if self._wanted is not None and uuid not in self._wanted:
                continue
            of_bleak = BleakGATTService(service, service.handle, uuid)
            found.add_service(of_bleak)
            for item in await self._client.discover_characteristics([], service):
                characteristic = BleakGATTCharacteristic(
                    item,
                    item.handle,
                    uuid_text(item.uuid.to_pdu_bytes()),
                    list(gatt_char_props_to_strs(int(item.properties))),
                    lambda: self.mtu_size - 3,
                    of_bleak,
                )
                found.add_characteristic(characteristic)
                for descriptor in await self._client.discover_descriptors(item):
                    uuid = uuid_text(descriptor.type.to_pdu_bytes())
                    found.add_descriptor(
                        BleakGATTDescriptor(descriptor, descriptor.handle, uuid, characteristic)
                    )
        return found

    def _disconnected(self, reason: int) -> None:
        self._connection = self._client = None
        self.services = None
        self._callbacks.clear()
        self._gone.set()
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.create_task(self._release()))
        if self._disconnected_callback:
            self._disconnected_callback()

    async def _release(self) -> None:
        taken, self._taken = self._taken, None
        if taken:
            stack, device = taken
            await stack.free(device)

    async def disconnect(self) -> None:
        from bumble import core

        connection = self._connection
        if connection is None:
            return
        try:
            await connection.disconnect()
        except (core.BaseBumbleError, asyncio.CancelledError):
            if self._connection is not None:  # else it ended meanwhile, or its adapter did
                raise
        async with asyncio.timeout(10):
            await self._gone.wait()
        await self._release()

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        raise BleakDBusError("org.bluez.Error.AuthenticationFailed", ["Authentication Failed"])

    async def unpair(self) -> None:
        """Nothing is ever paired."""

    # -- values

    async def _do(self, work: Any) -> Any:
        from bumble import att, core

        if self._connection is None:
            work.close()
            raise BleakError("Not connected")
        try:
            return await work
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from None
        except core.BaseBumbleError as error:
            raise BleakDBusError(_FAILED, [str(error)]) from None
        except asyncio.CancelledError:
            if self._connection is None:
                raise BleakDBusError(_FAILED, ["Not connected"]) from None
            raise

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        return bytearray(await self._do(self._read(characteristic.handle)))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        return bytearray(await self._do(self._read(descriptor.handle)))

    async def _read(self, handle: int) -> bytes:
        return bytes(await self._client.read_value(handle))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: Any, response: bool
    ) -> None:
        value = bytes(data)
        too_long = LARGEST_VALUE if response else self.mtu_size - 3
        if len(value) > too_long:
            raise BleakDBusError("org.bluez.Error.InvalidArguments", ["Invalid Length"])
        if response:
            await self._do(self._write(characteristic.handle, value))
        elif self._connection is None:
            raise BleakError("Not connected")
        else:
            head = b"\x52" + characteristic.handle.to_bytes(2, "little")
            self._connection.send_l2cap_pdu(4, head + value)
            await asyncio.sleep(0)

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: Any) -> None:
        await self._do(self._write(descriptor.handle, bytes(data)))

    async def _write(self, handle: int, value: bytes) -> None:
        await self._client.write_value(handle, value, True)

    # -- notifications

    def _came(self, handle: int, value: bytes, indicated: bool) -> None:
        callback = self._callbacks.get(handle)
        if callback:
            callback(bytearray(value))

    async def start_notify(
        self,
        characteristic: BleakGATTCharacteristic,
        callback: Callable[[bytearray], None],
        **kwargs: Any,
    ) -> None:
        wanted = 1 if "notify" in characteristic.properties else 2
        self._callbacks[characteristic.handle] = callback
        await self._subscribe(characteristic, wanted)

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        await self._subscribe(characteristic, 0)
        self._callbacks.pop(characteristic.handle, None)

    async def _subscribe(self, characteristic: BleakGATTCharacteristic, wanted: int) -> None:
        descriptor = characteristic.get_descriptor(normalize_uuid_str(f"{CCCD:04x}"))
        if descriptor is None:
            raise BleakDBusError("org.bluez.Error.NotSupported", ["Operation is not supported"])
        await self._do(self._write(descriptor.handle, bytes((wanted, 0))))
