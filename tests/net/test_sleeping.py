"""A battery sensor: delivered before it sleeps, kept where it could not be, delivered once."""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Certificates, Mosquitto, Watcher, free_port
from terminal import Terminal

import picolink
from picolink import Node
from picolink.node.client.reading import Reading
from picolink.packing import compile_all
from picosim import VirtualBoard, World

CPYTHON_ONLY = "virtual boards"
EVERY_S = 60  # a test that waits for this has failed: it presses reset

MAIN = """
import os
from machine import Pin
from picolink import Node
import picolink.node.features.deep_sleep as sleeping
for name in sleeping.TIMES:
    sleeping.TIMES[name] //= 20
node = Node("garden")
print("files:", sorted(os.listdir("/")))
PREPARE

@node.reading("warmth", unit="°C")
def warmth():
    return 21.5

@node.reading("broken")
def broken():
    raise OSError("no sensor")

@node.reading("boots")
async def boots():
    try:
        with open("/boots") as file:
            count = int(file.read()) + 1
    except OSError:
        count = 1
    with open("/boots", "w") as file:
        file.write(str(count))
    return count

node.deliver_and_sleep(ARGUMENTS)
"""


class Base:
    """A node on this computer that is delivered to. `got`: what came, as (name, reading)."""

    def __init__(self, port: int) -> None:
        self.got: queue.Queue[tuple[str, Reading]] = queue.Queue()
        self.node = Node("base")
        self.node.on_delivery(lambda name, reading: self.got.put((name, reading)))
        self.address = f"tcp:127.0.0.1:{port}"
        self._end = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: self.node.run(f"tcp-listen:127.0.0.1:{port}", self._main()), daemon=True
        )
        self._thread.start()
        assert self.ready.wait(10)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._end.wait()

    def close(self) -> None:
        assert self._loop is not None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    def waking(self) -> dict[str, Reading]:
        """The next three readings, which are one waking's."""
        return dict(self.got.get(timeout=20) for _ in range(3))

    def boots(self, count: int) -> list[Any]:
        """Which wakings the next `count` records are of."""
        return [self.waking()["garden/boots"].value for _ in range(count)]


@pytest.fixture
def port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        number: int = sock.getsockname()[1]
    return number


@pytest.fixture
def base(port: int) -> Iterator[Callable[[], Base]]:
    made: list[Base] = []

    def make() -> Base:
        made.append(Base(port))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=8) as world:
        yield world


def garden(
    world: World,
    port: int,
    more: str = "",
    *,
    prepare: str = "",
    usb: bool = False,
    every_s: float = EVERY_S,
) -> VirtualBoard:
    arguments = f'"tcp:127.0.0.1:{port}", every_s={every_s}{more}'
    main = MAIN.replace("ARGUMENTS", arguments).replace("PREPARE", prepare)
    libs = compile_all(["tcp", "usb", "sleeping"])
    board = world.board("garden", main=main, libs=libs, start=False)
    if not usb:
        board.unplug()
    board.start()
    return board


def slept(board: VirtualBoard) -> str:
    """What it printed in all until it slept."""
    board.wait_state("deepsleep")
    return board.log_text()


def test_delivered_and_then_asleep(world: World, port: int, base: Callable[[], Base]) -> None:
    here = base()
    board = garden(world, port)
    got = here.waking()
    slept(board)
    warmth = got["garden/warmth"]
    assert warmth.value == 21.5 and warmth.unit == "°C" and warmth.missed == 0
    assert abs(warmth.time - time.time()) < 5 and warmth.time_quality == "link"
    broken = got["garden/broken"]
    assert broken.value is None and broken.time_quality == "OSError: no sensor"
    assert got["garden/boots"].value == 1
    assert here.got.empty()


def test_what_a_dead_receiver_did_not_get_comes_later_in_order_and_once(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    board = garden(world, port, ", timeout_s=1.5")
    assert "0 of 1 delivered, 1 kept: no connection to" in slept(board)
    board.reset()
    assert "0 of 2 delivered, 2 kept" in slept(board)
    here = base()
    board.reset()
    assert "garden: 3 delivered" in slept(board)
    assert here.boots(3) == [1, 2, 3]
    board.reset()
    told = slept(board).rpartition("files:")[2]
    assert "kept" not in told and "garden: 1 delivered" in told
    assert here.boots(1) == [4] and here.got.empty()


def test_kept_over_a_power_cut(world: World, port: int, base: Callable[[], Base]) -> None:
    board = garden(world, port, ", timeout_s=1.5")
    slept(board)
    board.power_off()
    here = base()
    board.power_on()
    assert "picolink-kept.json" in slept(board).rpartition("files:")[2]
    first, second = here.waking(), here.waking()
    assert [got["garden/boots"].value for got in (first, second)] == [1, 2]
    # Nobody had told it the time, and its clock stood still.
    assert first["garden/warmth"].time_quality == "unknown"
    assert second["garden/warmth"].time_quality == "link"


AN_HOUR_LATER = """
import time
from machine import RTC
if "picolink-kept.json" in os.listdir("/"):
    year, month, day, hour, minute, second, weekday, _ = time.gmtime(time.time() + 3600)
    RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
"""


def test_what_was_kept_bears_the_time_when_it_was_read(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    here = base()
    board = garden(world, port, ", timeout_s=1.5", prepare=AN_HOUR_LATER)
    assert here.boots(1) == [1]  # and the answer told the time
    slept(board)
    here.close()
    board.reset()
    assert "0 of 1 delivered" in slept(board)
    here = base()
    board.reset()
    old, new = here.waking()["garden/warmth"], here.waking()["garden/warmth"]
    assert old.time_quality == new.time_quality == "link"
    assert 3595 < new.time - old.time < 3605 and abs(new.time - time.time()) < 5


def test_once_although_the_receipt_was_lost(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    here = base()
    took = here.node.on_delivery

    @took
    def slow(name: str, reading: Reading) -> None:
        if reading.value == 1:
            threading.Event().wait(2)  # the board has given up when the answer leaves

    board = garden(world, port, ", timeout_s=1")
    assert "0 of 1 delivered, 1 kept" in slept(board)
    assert here.boots(1) == [1]
    board.reset()
    assert "garden: 2 delivered" in slept(board)
    assert here.boots(1) == [2] and here.got.empty()


def test_a_power_cut_in_the_midst_of_a_delivery(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    board = garden(world, port, ", timeout_s=1")
    for _ in range(3):
        slept(board)
        board.reset()
    slept(board)
    here = base()
    begun = threading.Event()
    here.node.on_delivery(lambda name, reading: begun.set())
    board.reset()
    assert begun.wait(20)
    board.power_off()
    board.power_on()
    slept(board)
    got = []
    while not got or got[-1] != 6:
        got += here.boots(1)
    assert here.got.empty()
    # The waking in which the power was cut may have been lost with it; nothing else, nor twice.
    assert [number for number in got if number != 5] == [1, 2, 3, 4, 6] and got == sorted(set(got))


def test_a_fault_ends_at_the_prompt_on_usb_power_and_else_asleep(world: World, port: int) -> None:
    fault = "from picolink.node.features.deep_sleep import spool\nspool.load = None"
    board = garden(world, port, prepare=fault, usb=True)
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"TypeError")
    board.wait_state("repl")
    board.unplug()
    board.reset()
    assert "TypeError" in slept(board).rpartition("files:")[2]


def test_the_pin_that_has_the_power_cut(world: World, port: int, base: Callable[[], Base]) -> None:
    here = base()
    board = garden(world, port, ", done_pin=15", prepare="sleeping.TIMES['done'] = 60000")
    board.pin(15).wait(1, timeout_s=20)
    assert here.boots(1) == [1]  # not before
    board.power_off()
    board.power_on()
    assert here.boots(1) == [2]


def test_where_the_timer_does_not_cut_the_power_it_sleeps(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    base()
    board = garden(world, port, ", done_pin=15")
    assert "the power is still there" in slept(board)


def test_it_wakes_by_itself_also_from_a_sleep_of_several_naps(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    here = base()
    prepare = "sleeping.TIMES['nap'] = 300"
    garden(world, port, prepare=prepare, every_s=1)
    assert here.boots(2) == [1, 2]


def test_on_usb_power_it_stays_awake_and_serves(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    here = base()
    board = garden(world, port, usb=True, every_s=0.5)
    assert here.boots(3) == [1, 2, 3]
    with picolink.connect(board.usb_path) as host:
        assert host.read("warmth").value == 21.5
    assert board.state == "main"
    assert "garden: on USB power, so it stays awake; delivers to" in board.log_text()
    board.unplug()
    assert "no USB power any more" in slept(board)


def test_on_usb_power_it_sleeps_where_that_was_said(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    base()
    assert "on USB power" not in slept(garden(world, port, ", awake_on_usb=False", usb=True))


def test_over_wifi_to_whoever_is_the_gateway(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    world.access_point("lab", "password")
    here = base()
    main = MAIN.replace("ARGUMENTS", f'"tcp:gateway:{port}", every_s=60').replace("PREPARE", "")
    main = main.replace('Node("garden")', 'Node("garden", wifi=("lab", "password"))')
    libs = compile_all(["tcp", "usb", "wifi", "sleeping"])
    board = world.board("garden", main=main, libs=libs, start=False)
    board.unplug()
    board.start()
    assert "garden: 1 delivered" in slept(board)
    assert here.boots(1) == [1]


def test_subscribers_of_the_receiver_get_what_it_was_delivered(
    world: World, port: int, base: Callable[[], Base]
) -> None:
    here = base()
    board = garden(world, port)
    slept(board)
    with picolink.connect(here.address) as host:
        last = host.read("garden/warmth")
        assert (last.value, last.unit) == (21.5, "°C") and last.time < time.time()
        readings = host.readings("garden/boots", count=1)
        got: list[Any] = []
        reader = threading.Thread(target=lambda: got.extend(readings))
        reader.start()
        while "garden/boots" not in here.node.topics:
            threading.Event().wait(0.01)
        board.reset()
        reader.join(20)
        assert [reading.value for reading in got] == [2]


def test_a_board_receives_too(world: World) -> None:
    program = """
from picolink import Node
node = Node("base")

@node.on_delivery
def got(name, reading):
    print("got", name, reading.value, reading.missed)

node.run("tcp-listen::5263")
"""
    libs = compile_all(["tcp", "deliver"])
    base = world.board("base", main=program, libs=libs)
    base.wait_state("main")
    main = MAIN.replace("ARGUMENTS", f'"tcp:{base.address}", every_s=60').replace("PREPARE", "")
    libs = compile_all(["tcp", "usb", "sleeping"])
    board = world.board("garden", main=main, libs=libs, start=False)
    board.unplug()
    board.start()
    assert "garden: 1 delivered" in slept(board)
    assert "got garden/boots 1 0" in base.log_text()


def test_nonsense_is_refused_by_the_receiver(base: Callable[[], Base]) -> None:
    here = base()
    with picolink.connect(here.address) as host:
        for record in (
            [1, 0, [["a"]]], [2, 0, "x"], [3, "soon", [["a", 1, ""]]], [4, 0, [["a b", 1, ""]]],
            [5, 0, [["a", 1, ""], ["b"]]],
        ):  # fmt: skip
            with pytest.raises(picolink.PicolinkError):
                host.call("sys.deliver", *record)
        assert here.got.empty()
        host.call("sys.deliver", 5, 0, [["a", 1, ""]])
        assert here.got.get(timeout=5)[1].value == 1
        days_ms = 20 * 86_400_000  # more than the wire's clock tells apart
        host.call("sys.deliver", 6, days_ms, [["a", 2, ""]])
        told = here.got.get(timeout=5)[1]
        assert told.value == 2 and abs(time.time() - told.time - days_ms / 1000) < 5
        (name,) = [name for name in here.node.readings if name.endswith("/a")]
        assert host.read(name).time_quality == "unknown"
        for n in range(100):
            try:
                host.call("sys.deliver", 100 + n, 0, [["n%d" % n, 1, ""]])
            except picolink.Busy:
                break
        assert n == 63


BROKER = """
from picolink.mqtt import Mqtt
node.deliver_and_sleep(Mqtt(ADDRESS, json=True), every_s=60, timeout_s=TIMEOUT_S)
"""


def at_broker(
    world: World, address: str, *, prepare: str = "", files: Any = None, timeout_s: float = 3
) -> VirtualBoard:
    """A sensor in the Wi-Fi that delivers to a broker."""
    last = BROKER.replace("ADDRESS", address).replace("TIMEOUT_S", str(timeout_s))
    main = MAIN.replace("node.deliver_and_sleep(ARGUMENTS)", last).replace("PREPARE", prepare)
    main = main.replace('Node("garden")', 'Node("garden", wifi=("lab", "password"))')
    libs = compile_all(["tcp", "usb", "wifi", "mqtt", "time", "sleeping"])
    board = world.board("garden", main=main, libs=libs, files=files, start=False)
    board.unplug()
    board.start()
    return board


def test_to_a_broker_and_what_it_did_not_get_comes_later(world: World, tmp_path: Path) -> None:
    world.access_point("lab", "password", names={"broker.test": "127.0.0.1"})
    with Mosquitto(tmp_path) as broker:
        board = at_broker(world, repr(f"mqtt://broker.test:{broker.port}/lab"))
        assert "garden: 1 delivered" in slept(board)
        with Watcher(broker.port, "lab/garden/#") as others:  # who comes while it sleeps
            others.wait_for("lab/garden/status", "asleep")
            others.wait_for("lab/garden/boots", "1")
            others.wait_for("lab/garden/warmth", "21.5")
            others.wait(lambda: others.payloads("lab/garden/broken/json"))
            told = json.loads(others.payloads("lab/garden/broken/json")[0])
            assert told["value"] is None and told["why"] == "OSError: no sensor"
            assert not others.payloads("lab/garden/broken")
            broker.end()
            board.reset()
            assert "0 of 1 delivered, 1 kept" in slept(board)
        broker.start()
        with Watcher(broker.port, "lab/garden/#") as others:
            board.reset()
            assert "garden: 2 delivered" in slept(board)
            others.wait_for("lab/garden/boots", "3")
            boots = [json.loads(p) for p in others.payloads("lab/garden/boots/json")]
            assert [told["value"] for told in boots][-2:] == [2, 3]
            assert len({told["id"] for told in boots[-2:]}) == 2


def test_to_a_broker_with_tls_once_the_time_is_known(world: World, tmp_path: Path) -> None:
    lab = world.access_point("lab", "password", names={"broker.test": "127.0.0.1"})
    server = world.time_server()
    server.dead = True
    certificates = Certificates(tmp_path / "certificates")
    plain = free_port()
    with (
        Mosquitto(
            tmp_path, tls=certificates.leaf("broker.test"), more=f"listener {plain} 127.0.0.1"
        ) as broker,
        Watcher(plain, "lab/garden/#") as others,
    ):  # fmt: skip
        port = server.address.rpartition(":")[2]
        lab.names["time.test"] = "127.0.0.1"
        address = repr(f"mqtts://broker.test:{broker.port}/lab?ca=/ca.der")
        servers = f"node.time.servers = ('time.test:{port}',)\n"
        ca = {"ca.der": certificates.root_der.read_bytes()}
        board = at_broker(world, address, prepare=servers, files=ca, timeout_s=6)
        said = slept(board)
        assert "1 kept: no certificate can be checked" in said and "no answer" in said
        server.dead = False
        board.reset()
        assert "garden: 2 delivered" in slept(board)
        others.wait_for("lab/garden/boots", "2")


def test_the_page_of_batteries(world: World, tmp_path: Path) -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "snippets" / "battery_broker.py"
    world.access_point("my network", "password", names={"broker.example": "127.0.0.1"})
    with Mosquitto(tmp_path, users={"ann": "PASSWORD"}) as broker:
        there = f"mqtt://ann:PASSWORD@broker.example:{broker.port}/lab"
        main = page.read_text("utf-8")
        main = main.replace("mqtts://ann:PASSWORD@broker.example/lab?ca=/ca.der", there)
        libs = compile_all(["usb", "wifi", "mqtt", "time", "sleeping"])
        board = world.board("garden", main=main, libs=libs, start=False)
        board.unplug()
        board.start()
        assert "garden: 1 delivered" in slept(board)
