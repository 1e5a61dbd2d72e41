"""What the simulator's controllers have beyond the stock ones of bumble, by HCI."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from bumble import hci

from picosim.bluetooth import hosting
from picosim.bluetooth.controller import SimController
from picosim.bluetooth.medium import Radio

PUBLIC = hci.OwnAddressType.PUBLIC


class Host:
    """Takes down what a controller says."""

    def __init__(self, controller: SimController) -> None:
        self.controller = controller
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        controller.host = self

    def on_packet(self, packet: bytes) -> None:
        self.said.put_nowait(packet)

    async def answer(self, command: bytes) -> bytes:
        """What comes next after a command."""
        self.controller.on_packet(command)
        return await asyncio.wait_for(self.said.get(), 2)


def controller(radio: Radio, number: int) -> SimController:
    made = SimController(radio, f"c{number}", f"28:CD:C1:00:00:{number:02X}")
    radio.join(made)
    return made


async def pair(**parameters: int) -> tuple[Radio, Any, Any]:
    """Two connected stacks: the central's connection, the peripheral's."""
    radio = Radio("seed")
    devices = [hosting.device(controller(radio, n), 517) for n in (1, 2)]
    for device in devices:
        await device.power_on()
    here: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    devices[1].on("connection", here.set_result)
    await devices[1].start_advertising(own_address_type=PUBLIC)
    there = await devices[0].connect(
        hci.Address("28:CD:C1:00:00:02", hci.Address.PUBLIC_DEVICE_ADDRESS),
        own_address_type=PUBLIC,
        timeout=3,
    )
    return radio, there, await asyncio.wait_for(here, 3)


async def test_le_encrypt() -> None:
    host = Host(controller(Radio("seed"), 1))
    # FIPS 197, appendix C.1; HCI has the least significant byte first.
    key = bytes(range(16))[::-1]
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")[::-1]
    answer = await host.answer(struct.pack("<BHB", 1, 0x2017, 32) + key + plain)
    assert answer[:7] == struct.pack("<BBBBHB", 4, 0x0E, 20, 1, 0x2017, 0)
    assert answer[7:][::-1] == bytes.fromhex("69c4e0d86a7b0430d8cdb78070b4c55a")


async def test_unknown_commands_are_answered() -> None:
    host = Host(controller(Radio("seed"), 1))
    # A vendor's, one that nobody has, and one whose parameters are missing.
    for opcode, status in ((0xFF77, 1), (0x20FF, 1), (0x2041, 0x12)):
        answer = await host.answer(struct.pack("<BHB", 1, opcode, 0))
        assert answer == struct.pack("<BBBBBH", 4, 0x0F, 4, status, 1, opcode)


async def test_rssi_of_a_connection() -> None:
    radio, there, here = await pair()
    here.device.host.hci_sink.place = (10.0, 0.0)
    assert await there.device.get_connection_rssi(there) == -70
    assert await here.device.get_connection_rssi(here) == -70
    del radio


async def test_the_pace_of_a_connection_is_changed_for_both_sides() -> None:
    radio, there, here = await pair()
    told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    here.on("connection_parameters_update", lambda: told.set_result(None))
    await there.update_parameters(100, 100, 2, 3000)
    await asyncio.wait_for(told, 3)
    (air,) = radio.connections
    assert (air.interval_units, air.latency, air.timeout_units) == (80, 2, 300)
    for side in (there, here):
        assert side.parameters.connection_interval == 100
        assert side.parameters.supervision_timeout == 3000


async def test_a_peripheral_that_may_sleep_answers_late() -> None:
    radio, there, here = await pair()
    loop = asyncio.get_running_loop()
    for latency, least, most in ((0, 1, 2.1), (9, 4, 12.1)):
        await there.update_parameters(20, 20, latency, 3000)
        times = []
        for _ in range(4):
            await asyncio.sleep(0.25)  # until it sleeps: 12 events
            came: asyncio.Future[float] = loop.create_future()
            here.device.l2cap_channel_manager.register_fixed_channel(
                0x3F,
                lambda *_: came.set_result(loop.time()),  # noqa: B023
            )
            began = loop.time()
            there.send_l2cap_pdu(0x3F, b"x")
            times.append((await asyncio.wait_for(came, 3) - began) / 0.02)
        assert min(times) <= most and (latency == 0 or max(times) >= least), times
    del radio


async def test_a_receiver_that_is_busy_loses_nothing() -> None:
    _, there, here = await pair()
    got: list[bytes] = []
    all_there = asyncio.Event()

    def received(_: int, data: bytes) -> None:
        got.append(data)
        if len(got) == 30:
            all_there.set()

    here.device.l2cap_channel_manager.register_fixed_channel(0x3F, received)
    busy = here.device.host.hci_sink
    room = busy.has_room
    busy.has_room = lambda: False
    for n in range(30):
        there.send_l2cap_pdu(0x3F, bytes((n,)))
    await asyncio.sleep(0.1)  # ten events and more
    assert got == []
    busy.has_room = room
    await asyncio.wait_for(all_there.wait(), 5)
    assert got == [bytes((n,)) for n in range(30)]
