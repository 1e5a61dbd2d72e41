"""The controllers of this computer: for each program of it that uses Bluetooth, one of its own."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from bumble.transport.common import PacketParser

from picosim.bluetooth.controller import HOST_BUFFERS, SimController

if TYPE_CHECKING:
    import asyncio

    from picosim.bluetooth.medium import Radio

UNREAD_BYTES = 65536
"""With so much unread by its program a controller takes no more packets."""
READ_BYTES = 65536


class _ToProgram:
    """Bumble's sink for what a controller tells its host."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def on_packet(self, packet: bytes) -> None:
        self._writer.write(packet)

    def has_room(self) -> bool:
        return self._writer.transport.get_write_buffer_size() < UNREAD_BYTES


class Computers:
    """All controllers of this computer; they are at one place, and on or off together."""

    def __init__(self, radio: Radio, token: str) -> None:
        self._radio = radio
        self._token = token
        self._place = (0.0, 0.0)
        self._state = "on"
        self._writers: dict[SimController, asyncio.StreamWriter] = {}
        self._count = 0

    def move(self, place: tuple[float, float]) -> None:
        """They are there now."""
        self._place = place
        for controller in self._writers:
            controller.place = place

    def set_state(self, state: str) -> None:
        """The adapter is on, off (which ends connections) or missing (they just fall silent)."""
        self._state = state
        if state != "on":
            for controller, writer in list(self._writers.items()):
                if state == "missing":
                    self._radio.leave(controller)
                writer.close()

    async def serve(
        self,
        token: str,
        name: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Be the controller of a program, until it goes: then what it had is ended properly."""
        if token != self._token or self._state != "on":
            writer.write(json.dumps([self._state if token == self._token else "refused"]).encode())
            writer.write(b"\n")
            await writer.drain()
            return
        self._count += 1
        digest = hashlib.sha256(f"{self._token}/{self._count}".encode()).digest()
        address = ":".join(f"{byte:02X}" for byte in (0x00, 0x1A, 0x7D, *digest[:3]))
        controller = SimController(self._radio, name, address)
        controller.total_num_le_acl_data_packets = HOST_BUFFERS
        controller.place = self._place
        sink = _ToProgram(writer)
        controller.host = sink
        controller.has_room = sink.has_room
        writer.write(json.dumps(["on", address]).encode() + b"\n")
        parser = PacketParser(controller)
        self._writers[controller] = writer
        self._radio.join(controller)
        try:
            while data := await reader.read(READ_BYTES):
                parser.feed_data(data)
        except ConnectionError:
            pass
        finally:
            self._writers.pop(controller, None)
            controller.host = None
            if controller in self._radio.here:
                self._radio.retire(controller)
