"""This computer's Bluetooth stack on a controller of a simulated air: bumble, over a socket.

There is one for each event loop that uses Bluetooth, for as long as somebody there does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import weakref
from typing import TYPE_CHECKING, Any

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason

from picosim.base import announce

if TYPE_CHECKING:
    from bumble.device import Device

HERE = "127.0.0.1"
MAX_MTU = 517
"""Of BlueZ."""
_WHY = {
    "off": (
        "No powered Bluetooth adapters found. Turn on Bluetooth and try again.",
        BleakBluetoothNotAvailableReason.POWERED_OFF,
    ),
    "missing": (
        "No Bluetooth adapters found.",
        BleakBluetoothNotAvailableReason.NO_BLUETOOTH,
    ),
}
_stacks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, HostStack]
_stacks = weakref.WeakKeyDictionary()


class _Wire(asyncio.Protocol):
    """The socket to the controller: bumble's source and sink."""

    def __init__(self, lost: Any) -> None:
        from bumble.transport.common import PacketParser

        self._lost = lost
        self._parser = PacketParser()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def set_packet_sink(self, sink: Any) -> None:
        self._parser.set_packet_sink(sink)

    def on_packet(self, packet: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(packet)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()


class HostStack:
    """One stack; `taken` and `free` count its users."""

    def __init__(self) -> None:
        self.device: Device | None = None
        self._transport: asyncio.Transport | None = None
        self._users = 0
        self._scanners: dict[Any, Device] = {}
        self._lock = asyncio.Lock()
        self.connecting = asyncio.Lock()
        """One connection is made at a time, as by any adapter."""

    async def taken(self) -> Device:
        """Somebody uses it from now on; raises as bleak does if there is no adapter."""
        async with self._lock:
            if self.device is None:
                await self._open()
            self._users += 1
            assert self.device is not None
            return self.device

    async def free(self, device: Device) -> None:
        """Somebody uses what it has taken no more; the last one switches it off."""
        async with self._lock:
            if device is self.device:  # else it was lost meanwhile
                self._users -= 1
                if self._users == 0:
                    self._close()

    async def _open(self) -> None:
        from picosim.bluetooth import hosting

        loop = asyncio.get_running_loop()
        radio = _radio()
        if radio is None:
            raise BleakBluetoothNotAvailableError(*_WHY["missing"])
        sock = socket.socket()
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, (HERE, radio["port"]))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hello = ["adapter", radio["token"], f"hci of process {os.getpid()}"]
            await loop.sock_sendall(sock, json.dumps(hello).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                data = await loop.sock_recv(sock, 1)  # HCI follows
                if not data:
                    raise ConnectionResetError
                answer += data
        except OSError:
            sock.close()
            raise BleakBluetoothNotAvailableError(*_WHY["missing"]) from None
        except BaseException:
            sock.close()
            raise
        state = json.loads(answer)
        if state[0] != "on":
            sock.close()
            raise BleakBluetoothNotAvailableError(*_WHY.get(state[0], _WHY["missing"]))
        wire = _Wire(self._lost)
        self._transport, _ = await loop.create_connection(lambda: wire, sock=sock)
        logging.getLogger("bumble").setLevel(logging.CRITICAL)  # it remarks on much that is meant
        device = hosting.device(wire, MAX_MTU)
        await device.power_on()
        device.on("advertisement", self._heard)
        self.device = device

    def _lost(self) -> None:
        device, self.device, self._transport = self.device, None, None
        if device is None:
            return
        device.host.on_transport_lost()
        for handle in list(device.connections):
            device.on_disconnection(handle, 0x16)
        self._scanners.clear()
        self._users = 0

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        self.device = None
        if transport:
            transport.close()

    # -- scanning: one scan for all scanners

    async def scan(self, scanner: Any, active: bool) -> None:
        """Tell a scanner (`heard(advertisement)`) what comes."""
        from bumble import hci

        device = await self.taken()
        self._scanners[scanner] = device
        if not device.is_scanning:
            await device.start_scanning(
                legacy=True, active=active, own_address_type=hci.OwnAddressType.PUBLIC,
                scan_interval=30, scan_window=30,
            )  # fmt: skip

    async def scan_no_more(self, scanner: Any) -> None:
        """That scanner has heard enough."""
        device = self._scanners.pop(scanner, None)
        if device is None:
            return
        if not self._scanners and device is self.device:
            await device.stop_scanning(legacy=True)
        await self.free(device)

    def _heard(self, advertisement: Any) -> None:
        for scanner in list(self._scanners):
            scanner.heard(advertisement)


def _radio() -> dict[str, Any] | None:
    # A world of this process, if there is one; else the newest on this computer.
    radios = announce.radios()
    own = [radio for radio in radios if radio["pid"] == os.getpid()]
    return next(reversed(own or radios), None)


def stack() -> HostStack:
    """That of the running event loop."""
    return _stacks.setdefault(asyncio.get_running_loop(), HostStack())
