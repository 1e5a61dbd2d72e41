"""Bluetooth keeps the contract of links: a board as peripheral, this computer's real bleak as
central, a simulated air in between; and a board as central."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator

import pytest
from bleak import BleakClient, BleakScanner
from both import SEED, count
from link_contract import LinkContract

import picolink
from picolink.packing import compile_all
from picosim import VirtualBoard, World
from picosim.bluetooth import backend
from picosim.bluetooth.faults import BluetoothFaults

CPYTHON_ONLY = "virtual boards, bleak"
SUPERVISION_S = 20  # the longest that systems choose
FAST = BluetoothFaults(interval_ms=7.5)
LIBS = ["usb", "ble"]


class TestBleContract(LinkContract):
    links = ("usb:", "ble-peripheral:")
    groups = ("usb", "ble")
    patience = 10
    host_setup = "from picosim.for_picolink import install\ninstall()\n"

    @pytest.fixture(autouse=True)
    def _air(self, world: World) -> None:
        world.bluetooth.set(FAST)
        self.bluetooth = world.bluetooth

    def address(self, board: VirtualBoard) -> str:
        return f"ble:{board.bluetooth.address}"

    def cut(self, board: VirtualBoard) -> None:
        self.bluetooth.host.off()
        self.bluetooth.host.on()


BOARD = """
from picolink import Node
node = Node(NAME, max_message_bytes=120_000)
noted = []

@node.command
def echo(value):
    return value

@node.command
def note(i):
    noted.append(i)
    return i

@node.command
def notes():
    return noted

@node.command
def big(n):
    return bytes(n)

@node.stream
def numbers(n):
    for i in range(n):
        yield i

node.run("usb:", LINK)
"""

CENTRAL = """
from picolink import Node
node = Node("door", max_message_bytes=120_000)
other = node.peer("ble:shed")

@node.command
async def there(command, *args):
    return await other.call(command, *args, timeout_s=30)

@node.command
async def gather(n):
    got = []
    async for item in await other.stream("numbers", n):
        got.append(item)
    return got == list(range(n))

@node.command
def why():
    return other.why

@node.command
def cut():
    import bluetooth
    for connection in range(100):
        try:
            bluetooth.BLE().gap_disconnect(connection)
        except OSError:
            pass  # none of that number

node.run("usb:")
"""


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=SEED) as world:
        world.bluetooth.set(FAST)
        yield world


def shed(world: World, name: str = "shed", link: str = "ble-peripheral:") -> VirtualBoard:
    """A peripheral, advertising."""
    program = f"NAME, LINK = {name!r}, {link!r}\n{BOARD}"
    board = world.board(name, main=program, libs=compile_all(LIBS), heap_bytes=4_000_000)
    with picolink.connect(board.usb_path) as ready:
        assert ready.call("notes") == []
    return board


def test_board_to_board(world: World) -> None:
    n = count(10_000)
    peripheral = shed(world)
    door = world.board("door", main=CENTRAL, libs=compile_all(LIBS), heap_bytes=4_000_000)
    with picolink.connect(door.usb_path) as board:
        assert board.call("there", "echo", b"z" * 5000, timeout_s=30) == b"z" * 5000
        assert board.call("gather", n, timeout_s=60) is True
        # Away until the connection has ended, in the middle of calls: each is done once.
        peripheral.bluetooth.out_of_range()
        calls = [
            threading.Thread(target=board.call, args=("there", "note", i), kwargs={"timeout_s": 40})
            for i in range(3)
        ]
        for call in calls:
            call.start()
        deadline = time.monotonic() + 20
        while "range" not in board.call("why"):
            assert time.monotonic() < deadline
        peripheral.bluetooth.back()
        for call in calls:
            call.join()
        assert sorted(board.call("there", "notes")) == [0, 1, 2]
        # Restarted: it is met anew.
        peripheral.reset()
        while True:
            try:
                assert board.call("there", "notes", timeout_s=40) == []
                break
            except picolink.PicolinkError:  # it was asked before it was restarted
                assert time.monotonic() < deadline + 40


def test_board_to_board_through_cuts(world: World) -> None:
    n = count(2_000)
    shed(world)
    door = world.board("door", main=CENTRAL, libs=compile_all(LIBS), heap_bytes=4_000_000)
    with picolink.connect(door.usb_path) as board:
        over = threading.Event()
        moments = random.Random(SEED)
        cuts = 0

        def cutting() -> None:
            nonlocal cuts
            while not over.wait(1.5 + 2 * moments.random()):
                board.call("cut")
                cuts += 1

        thread = threading.Thread(target=cutting)
        thread.start()
        try:
            done = 0
            while done < n or (cuts < 3 and thread.is_alive()):
                assert board.call("there", "note", done, timeout_s=40) == done
                done += 1
        finally:
            over.set()
            thread.join()
        assert cuts >= 3
        assert board.call("there", "notes", timeout_s=40) == list(range(done))
        # The central is restarted: its next session is one more of the peripheral's.
        door.reset()
        deadline = time.monotonic() + 40
        while True:
            try:
                assert board.call("there", "notes", timeout_s=10) == list(range(done))
                break
            except picolink.PicolinkError:
                assert time.monotonic() < deadline


def test_out_of_range_and_back_within_a_call(world: World) -> None:
    board = shed(world)
    with picolink.connect("ble:shed") as host:
        assert host.call("note", 0) == 0
        for i in range(1, 3):
            board.bluetooth.out_of_range()
            results: list[int] = []
            call = threading.Thread(
                target=lambda i=i, results=results: results.append(  # type: ignore[misc]
                    host.call("note", i, timeout_s=40)
                )
            )
            call.start()
            deadline = time.monotonic() + 20
            while host.connected:
                assert time.monotonic() < deadline
                call.join(0.01)
            assert "range" in host.why
            board.bluetooth.back()
            call.join()
            assert results == [i]
        assert host.call("notes") == [0, 1, 2]
        # For longer than the call may take: it ends as unknown, once.
        board.bluetooth.out_of_range()
        with pytest.raises(picolink.CallError):
            host.call("note", 3, timeout_s=0.3)
        board.bluetooth.back()
        assert host.call("echo", "here", timeout_s=40) == "here"
        assert host.call("notes").count(3) <= 1


def test_a_killed_board_is_noticed(world: World) -> None:
    board = shed(world)
    with picolink.connect("ble:shed") as host:
        assert host.connected
        board.kill()
        began_s = time.monotonic()
        while host.connected:
            assert time.monotonic() < began_s + SUPERVISION_S + 2
            threading.Event().wait(0.01)
        assert "out of range" in host.why


def test_a_second_central_is_refused_in_words(world: World) -> None:
    shed(world)
    with picolink.connect("ble:shed") as first:
        with pytest.raises(picolink.CannotConnect, match="taken by another central"):
            picolink.connect("ble:shed", timeout_s=1)
        assert first.call("echo", 1) == 1
    with picolink.connect("ble:shed", timeout_s=8) as next_one:
        assert next_one.call("echo", 2) == 2


def test_a_board_that_is_taken_tells_a_board(world: World) -> None:
    shed(world)
    door = world.board("door", main=CENTRAL, libs=compile_all(LIBS), heap_bytes=4_000_000)
    with picolink.connect("ble:shed"), picolink.connect(door.usb_path) as board:
        deadline = time.monotonic() + 20
        while "taken" not in board.call("why"):
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)


def test_names(world: World) -> None:
    one, two = shed(world, "twin"), shed(world, "b", "ble-peripheral:?name=twin&interval_ms=50")
    with pytest.raises(picolink.CannotConnect, match="2 nodes here are named 'twin'") as caught:
        picolink.connect("ble:twin", timeout_s=4)
    for board in (one, two):
        assert f"ble:{board.bluetooth.address}" in str(caught.value)
        with picolink.connect(f"ble:{board.bluetooth.address.lower()}") as host:
            assert host.uid == board.unique_id.hex()
    long = shed(world, "a-name-of-thirty-bytes-or-so-1")
    with picolink.connect("ble:a-name-of-thirty-bytes-or-so-1") as host:
        assert host.uid == long.unique_id.hex()
    with pytest.raises(picolink.CannotConnect, match="no node 'attic' .*nodes that do: .*twin"):
        picolink.connect("ble:attic", timeout_s=1)


PLAIN = """
import asyncio, bluetooth
ble = bluetooth.BLE()
ble.active(True)
ble.gatts_register_services(((bluetooth.UUID(0x1848), ((bluetooth.UUID(0x2A6E), 2),)),))
ble.gap_advertise(50_000, adv_data=b"\\x02\\x01\\x06\\x06\\x09stove")
asyncio.run(asyncio.Event().wait())
"""


def test_a_device_that_is_no_node(world: World) -> None:
    stove = world.board("stove", main=PLAIN)
    for where in ("stove", stove.bluetooth.address):
        with pytest.raises(picolink.CannotConnect, match="no picolink node"):
            picolink.connect(f"ble:{where}", timeout_s=8)


def test_no_adapter_or_off(world: World) -> None:
    shed(world)
    world.bluetooth.host.off()
    with pytest.raises(picolink.CannotConnect, match="rfkill"):
        picolink.connect("ble:shed", timeout_s=1)
    world.bluetooth.host.remove()
    with pytest.raises(picolink.CannotConnect, match="no Bluetooth adapter"):
        picolink.connect("ble:shed", timeout_s=1)
    world.bluetooth.host.on()
    with picolink.connect("ble:shed") as host:
        assert host.call("echo", 1) == 1


def test_bluetooth_and_wifi_at_once(world: World) -> None:
    world.access_point("my network", "password")
    program = f"NAME, LINK = 'shed', 'ble-peripheral:'\n{BOARD}".replace(
        "max_message_bytes=120_000", "wifi=('my network', 'password')"
    ).replace("LINK)", "LINK, 'tcp-listen::5263')")
    libs = compile_all(["usb", "ble", "tcp", "wifi"])
    board = world.board("shed", main=program, libs=libs, heap_bytes=4_000_000)
    board.radio.wait_joined()
    addresses = ("ble:shed", f"tcp:{board.address}", board.usb_path)
    hosts = [picolink.connect(address, timeout_s=15) for address in addresses]
    try:
        for i in range(10):
            assert [host.call("echo", i) for host in hosts] == [i] * 3
        hosts[0].move(addresses[1])
        assert [host.call("echo", i) for host in hosts] == [i] * 3
    finally:
        for host in hosts:
            host.close()
    # And one session goes from one to the other, and back.
    with picolink.connect(addresses[0], timeout_s=15) as host:
        for i, address in enumerate((addresses[1], addresses[0]) * 2):
            assert host.call("note", 2 * i) == 2 * i
            host.move(address)
            assert host.call("note", 2 * i + 1) == 2 * i + 1
        assert host.call("notes") == list(range(8))


def test_floods_wait_where_the_stack_is_full(world: World) -> None:
    world.bluetooth.set(
        BluetoothFaults(interval_ms=7.5, notify_queue=1, packets_per_interval=1, lost_packets=0.1)
    )
    shed(world)
    n = count(10_000)
    with picolink.connect("ble:shed") as host:
        assert list(host.stream("numbers", n)) == list(range(n))
        assert host.call("big", 20_000, timeout_s=30) == bytes(20_000)
        assert host.call("echo", b"q" * 20_000, timeout_s=30) == b"q" * 20_000
        assert host._client.session.resent == 0


def test_ten_boards_on_one_host(world: World) -> None:
    n = count(10_000)
    boards = [shed(world, f"shed-{i}") for i in range(10)]
    hosts = [picolink.connect(f"ble:{board.bluetooth.address}", timeout_s=20) for board in boards]
    try:
        streams = [host.stream("numbers", n) for host in hosts]
        threads = []
        results: list[bool] = []
        for stream in streams:
            thread = threading.Thread(
                target=lambda stream=stream: results.append(list(stream) == list(range(n)))  # type: ignore[misc]
            )
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        assert results == [True] * 10
    finally:
        for host in hosts:
            host.close()


BARE = """
import asyncio, bluetooth
from bluetooth import UUID
ble = bluetooth.BLE()
ble.active(True)
ble.config(mtu=517)
conn = 0
left = 0

def heard(event, data):
    global conn, left
    if event == 1:
        conn = data[0]
    elif event == 3:
        said = ble.gatts_read(value)
        if said[:5] == b"flood":
            left = int(said[5:])
        else:
            ble.gatts_notify(conn, value, said)

async def main():
    global left
    payload = bytes(495)
    while True:
        try:
            while left:
                ble.gatts_notify(conn, value, payload)
                left -= 1
        except OSError:
            pass
        await asyncio.sleep_ms(1)

ble.irq(heard)
((value,),) = ble.gatts_register_services(((UUID(0x1848), ((UUID(0x2A6E), 0x14),)),))
ble.gatts_set_buffer(value, 512)
ble.gap_advertise(30_000, adv_data=b"\\x02\\x01\\x06\\x05\\x09bare")
asyncio.run(main())
"""


async def bare(packets: int, echoes: int) -> tuple[float, float]:
    """Bytes a second of a notify flood, and seconds of an echo, without picolink."""
    device = await BleakScanner.find_device_by_name("bare", backend=backend.classes()[0])
    assert device is not None
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with BleakClient(device, backend=backend.classes()[1]) as client:
        await client.start_notify("2a6e", lambda _, data: heard.put_nowait(bytes(data)))
        trips = []
        for _ in range(echoes):
            began_s = time.perf_counter()
            await client.write_gatt_char("2a6e", b"echo of some bytes", response=False)
            await heard.get()
            trips.append(time.perf_counter() - began_s)
        began_s = time.perf_counter()
        await client.write_gatt_char("2a6e", b"flood%d" % packets, response=False)
        size = 0
        for _ in range(packets):
            size += len(await heard.get())
        return size / (time.perf_counter() - began_s), sorted(trips)[echoes // 2]


def test_it_is_nearly_as_fast_as_the_air(world: World) -> None:
    # At the pace of a real adapter, so that this computer is not what is measured.
    world.bluetooth.set(BluetoothFaults(interval_ms=30))
    shed(world)
    world.board("bare", main=BARE)
    flood, trip_s = asyncio.run(bare(packets=120, echoes=15))
    with picolink.connect("ble:shed") as host:
        trips = []
        for _ in range(15):
            began_s = time.perf_counter()
            host.call("echo", "echo of some bytes")
            trips.append(time.perf_counter() - began_s)
        assert sorted(trips)[7] <= 1.5 * trip_s
        began_s = time.perf_counter()
        assert len(host.call("big", 60_000, timeout_s=60)) == 60_000
        assert 60_000 / (time.perf_counter() - began_s) >= 0.8 * flood
        began_s = time.perf_counter()
        assert host.call("echo", bytes(30_000), timeout_s=60) == bytes(30_000)
        assert 60_000 / (time.perf_counter() - began_s) >= 0.8 * flood


def test_with_asyncio(world: World) -> None:
    board = shed(world)

    async def main() -> None:
        async with picolink.aio.connect("ble:shed") as host:
            assert await host.call("echo", "é") == "é"
            board.bluetooth.out_of_range()
            call = asyncio.create_task(host.call("note", 1, timeout_s=40))
            done, _ = await asyncio.wait([call], timeout=2)
            assert not done
            board.bluetooth.back()
            assert await call == 1
            assert await host.call("notes") == [1]
        with pytest.raises(picolink.CannotConnect, match="no node 'attic'"):
            await picolink.aio.connect("ble:attic", timeout_s=8)

    asyncio.run(main())
