"""The simulated air: the real bleak on it, from this process and from others, and all faults."""

from __future__ import annotations

import asyncio
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bleak
import pytest
from ble_board import SETUP, BleBoard, connected
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from both import count
from raw_repl import Raised
from wlan import Wlan

from picosim import BluetoothFaults, World
from picosim.bluetooth import backend
from picosim.bluetooth.faults import DEAF_DBM, WEAK_DBM, loss, rssi_dbm
from picosim.bluetooth.public import BluetoothMissing
from picosim.toml import BadWorld

CPYTHON_ONLY = "bleak is for computers"
RX = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
TEMPERATURE = "2a6e"
QUICK = BluetoothFaults(interval_ms=7.5)
SUPERVISION_S = 0.42  # what BlueZ asks for
LAMP = """
h, rx, ind = serve()
ble.gatts_set_buffer(rx, 600)
ble.gatts_write(h, b"21.5")
advertise()
"""


class Air:
    """A world that the tests share, and its boards, which are as new for each test."""

    def __init__(self) -> None:
        self.world = World(seed=1)
        self.boards: dict[str, BleBoard] = {}

    def begin(self) -> None:
        """As if it were new, but that its process runs already."""
        for name, one in list(self.boards.items()):
            if name.startswith("doomed"):
                self.boards.pop(name).repl.close()
                one.board.kill()
            else:
                one.board.bluetooth.back()
                one.do("ble.active(False)")
        self.world.bluetooth.host.on()
        self.world.bluetooth.set(QUICK)

    def board(self, name: str, setup: str = "") -> BleBoard:
        """A board, at its prompt."""
        if name not in self.boards:
            self.boards[name] = BleBoard(self.world, name)
        self.boards[name].do("begin()\n" + setup)
        return self.boards[name]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Air, str]]:
    folder = str(tmp_path_factory.mktemp("announced"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PICOSIM_DIR", folder)
        air = Air()
        air.board("lamp")
    with air.world:
        yield air, folder
        for board in air.boards.values():
            board.repl.close()


@pytest.fixture
def air(shared: tuple[Air, str], monkeypatch: pytest.MonkeyPatch) -> Air:
    monkeypatch.setenv("PICOSIM_DIR", shared[1])
    shared[0].begin()
    return shared[0]


@pytest.fixture
def board(air: Air) -> Callable[..., BleBoard]:
    return air.board


@pytest.fixture
def common(air: Air) -> World:
    return air.world


@pytest.fixture
def lamp(board: Callable[..., BleBoard]) -> BleBoard:
    return board("lamp", LAMP)


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("get_platform_scanner_backend_type", "get_platform_client_backend_type"):
        monkeypatch.setattr(bleak, name, getattr(bleak, name))
    backend.install_for_bleak()


async def found(name: str = "lamp", timeout_s: float = 5) -> Any:
    device = await bleak.BleakScanner.find_device_by_name(name, timeout=timeout_s)
    assert device is not None, f"{name} was not found"
    return device


class Gone:
    """Tells when a connection ended."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.after_s = 0.0
        self._began = time.monotonic()

    def __call__(self, _: Any) -> None:
        self.after_s = time.monotonic() - self._began
        self.event.set()

    def now(self) -> None:
        """The time is counted from here."""
        self._began = time.monotonic()

    async def wait(self, timeout_s: float = 5) -> None:
        async with asyncio.timeout(timeout_s):
            await self.event.wait()


@asynccontextmanager
async def client(name: str = "lamp", gone: Gone | None = None) -> AsyncIterator[bleak.BleakClient]:
    async with bleak.BleakClient(await found(name), disconnected_callback=gone) as connection:
        yield connection


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


# -- bleak


async def test_bleak_finds_a_board(lamp: BleBoard) -> None:
    lamp.do(
        "ble.gap_advertise(20000, b'\\x02\\x01\\x06\\x03\\x03\\x48\\x18\\x02\\x0a\\x04',"
        "resp_data=b'\\x05\\x09lamp\\x05\\xff\\xff\\xffab\\x05\\x16\\x48\\x18xy')"
    )
    async with bleak.BleakScanner() as scanner:
        async with asyncio.timeout(5):
            async for device, told in scanner.advertisement_data():  # noqa: B007
                if told.local_name:
                    break
    assert device.address == lamp.board.bluetooth.address and device.name == "lamp"
    assert told.local_name == "lamp" and told.tx_power == 4
    assert told.service_uuids == ["00001848-0000-1000-8000-00805f9b34fb"]
    assert told.manufacturer_data == {0xFFFF: b"ab"}
    assert told.service_data == {"00001848-0000-1000-8000-00805f9b34fb": b"xy"}
    assert -52 <= told.rssi <= -48
    uuid = "00001848-0000-1000-8000-00805f9b34fb"
    for wanted, expected in ((uuid, 1), (RX, 0)):
        assert len(await bleak.BleakScanner.discover(0.3, service_uuids=[wanted])) == expected


async def test_bleak_reads_writes_and_is_notified(lamp: BleBoard) -> None:
    gone = Gone()
    async with client(gone=gone) as lamp_client:
        assert lamp_client.is_connected and lamp_client.mtu_size == 517
        assert [s.uuid[4:8] for s in lamp_client.services] == ["1800", "1801", "1848"]
        properties = {
            c.uuid[4:8]: set(c.properties) for c in lamp_client.services.characteristics.values()
        }
        assert properties["2a6e"] == {"read", "notify"}
        assert properties["0002"] == {"write", "write-without-response"}
        assert properties["2a6f"] == {"read", "indicate"}
        rx = lamp_client.services.get_characteristic(RX)
        assert rx is not None and rx.max_write_without_response_size == 514
        assert await lamp_client.read_gatt_char(TEMPERATURE) == b"21.5"
        lamp.do("ble.gatts_write(h, bytes(600))")
        assert await lamp_client.read_gatt_char(TEMPERATURE) == bytes(600)  # in pieces
        await lamp_client.write_gatt_char(RX, b"one", response=True)
        assert lamp.wait(3) == (64, 12)
        assert lamp.ask("ble.gatts_read(rx)") == b"one"
        await lamp_client.write_gatt_char(RX, bytes(500), response=False)
        assert lamp.wait(3) == (64, 12)
        assert lamp.ask("ble.gatts_read(rx)") == bytes(500)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        await lamp_client.start_notify(TEMPERATURE, lambda _, data: heard.put_nowait(bytes(data)))
        lamp.do("ble.gatts_write(h, b'22', True)")
        assert await asyncio.wait_for(heard.get(), 3) == b"22"
        await lamp_client.start_notify("2a6f", lambda _, data: heard.put_nowait(bytes(data)))
        lamp.do("ble.gatts_write(ind, b'indicated', True)")
        assert await asyncio.wait_for(heard.get(), 3) == b"indicated"
        assert lamp.wait(20) == (64, 14, 0)
        await lamp_client.stop_notify(TEMPERATURE)
        lamp.do("ble.gatts_write(h, b'23', True)")
        assert await lamp_client.read_gatt_char(TEMPERATURE) == b"23"
        assert heard.empty()
    assert gone.event.is_set() and not lamp_client.is_connected
    assert lamp.wait(2) == (64, 255, bytes(6))


async def test_errors_are_those_of_bluez(lamp: BleBoard) -> None:
    async with client() as lamp_client:
        with pytest.raises(BleakGATTProtocolError) as refused:
            await lamp_client.read_gatt_char(RX)
        assert refused.value.code == 2
        with pytest.raises(BleakDBusError, match="Invalid Length"):
            await lamp_client.write_gatt_char(RX, bytes(515), response=False)
        with pytest.raises(BleakError, match="already connected"):
            await lamp_client.connect()
        lamp.do("def on_event(event, data):\n    if event == 4:\n        return 8\n")
        with pytest.raises(BleakGATTProtocolError) as denied:
            await lamp_client.read_gatt_char(TEMPERATURE)
        assert denied.value.code == 8
    with pytest.raises(BleakError, match="Discovery has not been performed"):  # bleak's own words
        await lamp_client.read_gatt_char(TEMPERATURE)
    with pytest.raises(BleakDeviceNotFoundError):
        await bleak.BleakClient("28:CD:C1:00:00:00", timeout=0.2).connect()


async def test_the_board_ends_the_connection(lamp: BleBoard) -> None:
    gone = Gone()
    async with client(gone=gone) as lamp_client:
        lamp.do("ble.gap_disconnect(64)")
        await gone.wait()
        assert not lamp_client.is_connected
    lamp.do("wait(2)\nadvertise()")
    async with client() as again:
        assert again.is_connected


async def test_connecting_gives_up_in_time_and_can_be_tried_again(lamp: BleBoard) -> None:
    device = await found()
    lamp.do("ble.gap_advertise(None)")
    with pytest.raises(TimeoutError):
        await bleak.BleakClient(device, timeout=0.3).connect()
    lamp.do("advertise()")
    async with bleak.BleakClient(device, timeout=3) as lamp_client:
        assert lamp_client.is_connected


async def test_ten_boards_on_one_computer(world: World) -> None:
    names = [f"b{n}" for n in range(10)]
    for name in names:
        world.board(name, main=ECHO.replace("NAME", name))
    world.bluetooth.set(QUICK)
    devices: dict[str, Any] = {}
    async with asyncio.timeout(20), bleak.BleakScanner() as scanner:
        async for device, _ in scanner.advertisement_data():
            devices[device.name] = device
            if len(devices) == len(names):
                break
    messages = count(10_000)
    await asyncio.gather(*(echoed(devices[name], messages) for name in names))


ECHO = """
import bluetooth
from bluetooth import UUID
ble = bluetooth.BLE()
def irq(event, data):
    if event == 3:
        ble.gatts_notify(data[0], up, ble.gatts_read(down))
ble.irq(irq)
ble.active(True)
((down, up),) = ble.gatts_register_services(((UUID(0x1848), (
    (UUID(0x2A01), 4), (UUID(0x2A02), 16))),))
ble.gap_advertise(30000, b"\\x02\\x01\\x06\\x03\\x09NAME")
"""


async def echoed(device: Any, messages: int) -> None:
    """Each message comes back once, in order; eight are under way."""
    window = asyncio.Semaphore(8)
    back: list[int] = []
    all_back = asyncio.Event()

    def heard(_: Any, data: bytearray) -> None:
        back.append(int(data))
        window.release()
        if len(back) == messages:
            all_back.set()

    async with bleak.BleakClient(device) as connection:
        await connection.start_notify("2a02", heard)
        for n in range(messages):
            await window.acquire()
            await connection.write_gatt_char("2a01", b"%d" % n, response=False)
        await all_back.wait()
    assert back == list(range(messages))


def test_plain_scripts_of_another_process(lamp: BleBoard, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, sys\nfrom bleak import BleakClient, BleakScanner\n"
        "async def main():\n"
        "    device = await BleakScanner.find_device_by_name(sys.argv[1])\n"
        "    async with BleakClient(device) as client:\n"
        "        print(bytes(await client.read_gatt_char('2a6e')).decode())\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "picosim.bluetooth", str(script), "lamp"],
        capture_output=True, text=True, timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("21.5\n", "")


async def test_without_a_world_bleak_is_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PICOSIM_DIR", str(tmp_path / "empty"))
    assert bleak.BleakScanner().backend_id != "SimScanner"
    assert backend.Backends()[0] is None and backend.Backends()[1] is None


# -- the adapter


@pytest.mark.parametrize(
    "how, reason",
    [
        ("off", BleakBluetoothNotAvailableReason.POWERED_OFF),
        ("remove", BleakBluetoothNotAvailableReason.NO_BLUETOOTH),
    ],
)
async def test_an_adapter_that_is_off_or_missing(
    common: World, lamp: BleBoard, how: str, reason: BleakBluetoothNotAvailableReason
) -> None:
    gone = Gone()
    async with client(gone=gone) as lamp_client:
        gone.now()
        await in_thread(getattr(common.bluetooth.host, how))
        await gone.wait()
        assert not lamp_client.is_connected
    # Switched off it says goodbye, pulled out it does not.
    heard_s = await in_thread(lambda: (lamp.wait(2), time.monotonic() - gone._began)[1])
    assert (heard_s > SUPERVISION_S * 0.9) == (how == "remove")
    with pytest.raises(BleakBluetoothNotAvailableError) as missing:
        await found()
    assert missing.value.reason is reason
    await in_thread(common.bluetooth.host.on)
    lamp.do("advertise()")
    async with client() as again:
        assert again.is_connected


# -- range


def test_signals_get_weaker() -> None:
    assert [rssi_dbm((0, 0), (d, 0)) for d in (0.1, 1, 10, 100)] == [-30, -50, -70, -90]
    assert [loss(dbm) for dbm in (WEAK_DBM, -90, DEAF_DBM)] == [0, 0.5, 1]


async def test_out_of_range_both_sides_time_out(lamp: BleBoard) -> None:
    gone = Gone()
    async with client(gone=gone):
        gone.now()
        await in_thread(lamp.board.bluetooth.out_of_range)
        await gone.wait()
    assert SUPERVISION_S * 0.9 < gone.after_s < SUPERVISION_S + 3
    assert lamp.wait(2) == (64, 255, bytes(6))
    lamp.do("advertise()")
    assert await bleak.BleakScanner.discover(0.3) == []
    await in_thread(lamp.board.bluetooth.back)
    async with client() as again:
        assert again.is_connected


async def test_out_of_range_and_back_in_time_loses_nothing(lamp: BleBoard) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with client() as lamp_client:
        await lamp_client.start_notify(TEMPERATURE, lambda _, data: heard.put_nowait(bytes(data)))
        await in_thread(lamp.board.bluetooth.out_of_range)
        lamp.do("for n in range(5):\n    ble.gatts_notify(64, h, b'%d' % n)")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.get(), SUPERVISION_S / 3)
        await in_thread(lamp.board.bluetooth.back)
        assert [await asyncio.wait_for(heard.get(), 3) for _ in range(5)] == [
            b"%d" % n for n in range(5)
        ]
        assert lamp_client.is_connected


async def test_far_away_packets_are_sent_again(common: World, lamp: BleBoard) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with client() as lamp_client:
        await in_thread(lamp.board.bluetooth.move, 100)  # -90 dBm: half of them get lost
        await lamp_client.start_notify(TEMPERATURE, lambda _, data: heard.put_nowait(bytes(data)))
        lamp.do("for n in range(12):\n    ble.gatts_notify(64, h, b'%d' % n)")
        assert [await asyncio.wait_for(heard.get(), 5) for _ in range(12)] == [
            b"%d" % n for n in range(12)
        ]
    assert await told_rssi(-90)


async def told_rssi(dbm: int) -> bool:
    """Whether a scan tells of about that strength."""
    seen = await bleak.BleakScanner.discover(0.5, return_adv=True)
    return all(abs(told.rssi - dbm) <= 2 for _, told in seen.values())


def test_two_boards_out_of_each_others_range(board: Callable[..., BleBoard]) -> None:
    lamp, door = board("lamp", LAMP), board("door")
    connected(door, lamp, timeout_ms=300)
    began = time.monotonic()
    lamp.board.bluetooth.out_of_range()
    assert door.wait(8) == (64, 255, bytes(6))
    assert lamp.wait(2) == (64, 255, bytes(6))
    assert 0.25 < time.monotonic() - began < 2


# -- pace


@pytest.mark.parametrize("interval_ms", [7.5, 40])
async def test_the_connection_interval_sets_the_pace(
    common: World, lamp: BleBoard, interval_ms: float
) -> None:
    await in_thread(common.bluetooth.set, BluetoothFaults(interval_ms=interval_ms))
    async with client() as lamp_client:
        times_ms = []
        for _ in range(10):
            began = time.monotonic()
            await lamp_client.read_gatt_char(TEMPERATURE)
            times_ms.append((time.monotonic() - began) * 1000)
    # The question in one event, the answer in the next; a busy computer makes some later.
    assert 1.9 * interval_ms < sum(times_ms) / 10
    assert min(times_ms) < 2.5 * interval_ms + 5, times_ms


@pytest.mark.parametrize("packets", [1, 5])
async def test_so_many_packets_in_an_interval(common: World, lamp: BleBoard, packets: int) -> None:
    faults = BluetoothFaults(interval_ms=20, packets_per_interval=packets, notify_queue=100)
    await in_thread(common.bluetooth.set, faults)
    heard: list[float] = []
    all_heard = asyncio.Event()

    def on_value(_: Any, data: bytearray) -> None:
        heard.append(time.monotonic())
        if len(heard) == 50:
            all_heard.set()

    async with client() as lamp_client:
        await lamp_client.start_notify(TEMPERATURE, on_value)
        lamp.do("for n in range(50):\n    ble.gatts_notify(64, h, b'x')")
        await asyncio.wait_for(all_heard.wait(), 10)
    assert (heard[-1] - heard[0]) * 1000 >= 20 * (50 / packets - 6)  # the first may be told late
    assert (heard[-1] - heard[0]) * 1000 < 20 * (50 / packets) * 2 + 500


async def test_lost_packets_cost_time(common: World, lamp: BleBoard) -> None:
    async def reads_s() -> float:
        async with client() as lamp_client:
            began = time.monotonic()
            for _ in range(10):
                await lamp_client.read_gatt_char(TEMPERATURE)
            took_s = time.monotonic() - began
        await in_thread(lamp.do, "wait(2)\nadvertise()")
        return took_s

    good = await reads_s()
    await in_thread(common.bluetooth.set, BluetoothFaults(interval_ms=7.5, lost_packets=0.8))
    assert await reads_s() > 2 * good


async def test_advertisements_get_lost_by_the_seed(common: World, lamp: BleBoard) -> None:
    async def heard() -> int:
        count = 0

        def on_found(_: Any, __: Any) -> None:
            nonlocal count
            count += 1

        async with bleak.BleakScanner(on_found):
            await asyncio.sleep(1)  # the time in which is counted
        return count

    all_of_them = await heard()
    await in_thread(common.bluetooth.set, BluetoothFaults(lost_reports=0.7))
    some = await heard()
    assert all_of_them * 0.1 < some < all_of_them * 0.6
    await in_thread(common.bluetooth.set, BluetoothFaults(lost_reports=1))
    assert await heard() == 0


def test_shares_and_intervals_are_checked() -> None:
    wrongs = ({"lost_reports": 1.1}, {"lost_packets": -1}, {"interval_ms": 5}, {"notify_queue": 0})
    for wrong in wrongs:
        with pytest.raises(ValueError):
            BluetoothFaults(**wrong)  # type: ignore[arg-type]


# -- boards that vanish, and others


@pytest.mark.parametrize("how", ["kill", "power_off", "reset"])
async def test_a_board_without_power_is_missed_after_the_supervision_timeout(
    board: Callable[..., BleBoard], how: str
) -> None:
    lamp = await in_thread(board, f"doomed-{how}", LAMP)
    gone = Gone()
    async with client(gone=gone):
        gone.now()
        await in_thread(getattr(lamp.board, how))
        await gone.wait()
    assert SUPERVISION_S * 0.9 < gone.after_s < SUPERVISION_S + 3


async def test_a_soft_reset_says_goodbye(board: Callable[..., BleBoard]) -> None:
    lamp = await in_thread(board, "reset", LAMP)
    gone = Gone()
    async with client(gone=gone):
        gone.now()
        await in_thread(lamp.repl.soft_reset)
        await gone.wait()
    assert gone.after_s < SUPERVISION_S * 0.9
    lamp.do(SETUP)


async def test_a_board_that_another_central_has_is_not_seen(
    board: Callable[..., BleBoard], lamp: BleBoard
) -> None:
    device = await found()
    door = board("door")
    await in_thread(connected, door, lamp)
    assert await bleak.BleakScanner.discover(0.3) == []
    with pytest.raises(TimeoutError):
        await bleak.BleakClient(device, timeout=0.3).connect()
    await in_thread(door.do, "ble.gap_disconnect(64)")
    await in_thread(lamp.do, "wait(2)\nadvertise()")
    async with client() as lamp_client:
        assert lamp_client.is_connected


async def test_two_boards_of_one_name(board: Callable[..., BleBoard], lamp: BleBoard) -> None:
    other = board("other", LAMP)
    devices = await bleak.BleakScanner.discover(1)
    assert {d.address for d in devices} == {b.board.bluetooth.address for b in (lamp, other)}
    assert [d.name for d in devices] == ["lamp", "lamp"]
    async with bleak.BleakClient(devices[0]) as a, bleak.BleakClient(devices[1]) as b:
        assert a.is_connected and b.is_connected


# -- worlds from files


def test_the_example_in_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")
    (code,) = [c for c in re.findall("```python\n(.*?)```", text, re.S) if "bleak" in c]
    exec(compile(code, "docs/simulator.md", "exec"), {})
    assert capsys.readouterr().out == "21.5\n"


def test_a_world_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "world.toml"
    file.write_text(
        "[bluetooth]\nadapter = 'off'\ninterval_ms = 15\nlost_reports = 0.5\n"
        "[board.lamp]\nplace = [3, 4]\nstart = false\n"
    )
    with World.from_toml(file) as world:
        assert world.bluetooth.faults == BluetoothFaults(interval_ms=15, lost_reports=0.5)
        assert world.bluetooth.host.state == "off"
        assert world.boards["lamp"].bluetooth.place == (3, 4)
    for text, why in (
        ("[bluetooth]\nloss = 1", "loss"),
        ("[bluetooth]\nadapter = 'gone'", "missing"),
        ("[bluetooth]\nlost_reports = 2", "share"),
        ("[board.lamp]\nplace = [1]\nstart = false", "place"),
    ):
        file.write_text(text)
        with pytest.raises(BadWorld, match=why):
            World.from_toml(file)


def test_without_bumble_it_says_what_to_install(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = "raise ModuleNotFoundError(\"No module named 'bumble'\")"
    lamp = Wlan(world, "lamp", "import bluetooth")
    monkeypatch.setattr("picosim.base.child._START", missing)
    try:
        with pytest.raises(Raised, match="OSError"):
            lamp.do("bluetooth.BLE().active(True)")
        with pytest.raises(BluetoothMissing, match=r"pip install 'picosim\[bluetooth\]'"):
            world.bluetooth.set(QUICK)
    finally:
        lamp.repl.close()
    assert "pip install 'picosim[bluetooth]'" in capfd.readouterr().err


def test_the_air_ends_with_its_world(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom picosim import World\n"
        "world = World()\nboard = world.board('a', main='import bluetooth\\n"
        "bluetooth.BLE().active(True)\\nprint(1)')\nboard.wait_state('repl')\n"
        "print(world.bluetooth.process_id, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    try:
        watch = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return  # it has ended already
    try:
        assert select.select([watch], [], [], 10)[0], "it lives on"
    finally:
        os.close(watch)
