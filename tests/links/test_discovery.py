"""Nodes are found in the network: virtual boards, programs of this computer, hosts by name."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import pytest
from both import SEED, count

import picolink
from picolink.cli.main import main
from picolink.core.errors import BadAddress, CannotConnect
from picolink.links.host.user_address import normalise
from picolink.links.tcp import discover
from picolink.links.tcp.answering import ANSWER
from picolink.links.tcp.discover import named, parse, search
from picolink.links.tcp.mdns import addresses_of
from picolink.node.closing import stop
from picolink.node.opening import open_all
from picolink.packing import compile_all
from picosim import RadioFaults, VirtualBoard, WifiFaults, World

CPYTHON_ONLY = "virtual boards"

MAIN = """
from picolink import Node
node = Node({name!r}, wifi={wifi!r})

@node.command
def who():
    return {name!r}

node.run({links})
"""
WIFI = ("lab", "password")
#: Programs of this computer: other runs of these tests must not be taken for them.
PI, FAR = f"pi-{os.getpid()}", f"far-{os.getpid()}"
BOTH = '"usb:", "tcp-listen::5263"'


@pytest.fixture
def world(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=SEED) as world:
        quick = WifiFaults(join_s=0.02, lease_s=0.02, notice_s=0.02)
        world.access_point("lab", "password", faults=quick)
        yield world


@pytest.fixture
def wired(world: World) -> Iterator[World]:
    """One without any Wi-Fi."""
    with World(seed=SEED + 1) as wired:
        yield wired


def make(world: World, label: str, name: str, wifi: Any = WIFI, links: str = BOTH) -> VirtualBoard:
    """A board of which only its node knows the name; it listens."""
    libs = compile_all(["usb", "tcp", "wifi", "describe"])
    board = world.board(label, main=MAIN.format(name=name, wifi=wifi, links=links), libs=libs)
    if wifi:
        board.radio.wait_joined()
    end_s = time.monotonic() + 20
    while not found_at(board):
        assert time.monotonic() < end_s, f"it was never found; it printed:\n{board.log_text()}"
    return board


def found_at(board: VirtualBoard) -> discover.Found | None:
    """What a search finds at a board's address."""

    def fits(node: discover.Found) -> bool:
        return node.uid == board.unique_id.hex()

    return next(filter(fits, search(fits)), None)


def devices(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["devices", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_boards_in_the_air_and_on_the_wire(
    world: World, wired: World, capsys: pytest.CaptureFixture[str]
) -> None:
    air = make(world, "a", "greenhouse")
    wire = make(wired, "b", "shed", wifi=None, links='"tcp-listen::5300"')
    begun_s = time.monotonic()
    nodes = {node.name: node for node in search()}
    assert time.monotonic() - begun_s < 2  # 0.9, and what a loaded machine adds
    assert set(nodes) == {"greenhouse", "shed"}
    node = nodes["greenhouse"]
    assert node.address == f"tcp:{air.address}" and node.uid == air.unique_id.hex()
    assert (node.host, node.signal_dbm, node.virtual) == ("greenhouse", -55, True)
    assert node.firmware.startswith("micropython 1.") and node.version == picolink.__version__
    assert set(node.links) == {"usb:", "tcp-listen::5263"}
    assert nodes["shed"].address == f"tcp:{wire.address}:5300"
    assert nodes["shed"].signal_dbm is None

    rows = {row["address"]: row for row in devices(capsys)}
    row = rows[f"tcp:{air.address}"]
    assert (row["name"], row["state"], row["signal_dbm"]) == ("greenhouse", "node", -55)
    assert row["serial_number"] == rows["usb:a"]["serial_number"] == air.unique_id.hex().upper()
    assert rows["usb:a"]["name"] == "greenhouse"  # the same board: no two of one name
    assert not [r for r in devices(capsys, "--quick") if str(r["address"]).startswith("tcp:")]
    assert main(["devices"]) == 0
    shown = capsys.readouterr().out
    assert f"tcp:{air.address}" in shown and "-55 dBm" in shown and "are named" not in shown

    # Without an address it looks at all that there are; one says nothing over USB.
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert f"tcp:{air.address}\n  ok" in shown and f"tcp:{wire.address}:5300\n  ok" in shown


def test_a_program_that_answers_on_all_addresses_hides_no_board(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("", discover.PORT))
        make(world, "a", "greenhouse", links='"tcp-listen::5263"')


def test_a_bare_name_is_searched_for(world: World) -> None:
    board = make(world, "a", "greenhouse", links='"tcp-listen::5263"')
    with picolink.connect("greenhouse") as node:
        assert node.call("who") == "greenhouse" and node.uid == board.unique_id.hex()
    assert normalise("greenhouse") == f"tcp:{board.address}"
    assert main(["call", "greenhouse", "who"]) == 0
    with pytest.raises(CannotConnect, match="'greenhose' was found on USB, in the network or by"):
        picolink.connect("greenhose")


def test_usb_comes_first(world: World) -> None:
    make(world, "greenhouse", "greenhouse")
    assert normalise("greenhouse") == "usb:greenhouse"


def test_two_boards_of_one_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    boards = [make(world, label, "twin", links='"tcp-listen::5263"') for label in "ab"]
    with pytest.raises(BadAddress) as error:
        normalise("twin")
    for board in boards:
        assert f"tcp:{board.address} ({board.unique_id.hex()})" in str(error.value)
        assert normalise(f"tcp:{board.address}")  # as the message advises
    assert len([row for row in devices(capsys) if row["name"] == "twin"]) == 2
    main(["devices"])
    assert "2 boards are named 'twin'" in capsys.readouterr().out


def test_whom_the_radio_does_not_reach_is_not_found(world: World) -> None:
    (lab,) = world.access_points
    board = make(world, "a", "greenhouse", links='"tcp-listen::5263"')
    assert found_at(board)
    lab.off()
    with world.air.different:
        assert world.air.different.wait_for(lambda: not board.radio.interfaces(), 5)
    assert found_at(board) is None
    lab.on()
    board.radio.wait_joined(15)
    assert found_at(board)
    board.radio.set(RadioFaults(silent_after_s=0.0001))
    end_s = time.monotonic() + 10
    while found_at(board):  # what it sends by itself wakes it for a moment
        assert time.monotonic() < end_s, "it is heard though it is silent"
    board.radio.set(RadioFaults())
    assert found_at(board)


@contextlib.asynccontextmanager
async def running(name: str, link: str) -> AsyncIterator[picolink.Node]:
    """A node of this program."""
    node = picolink.Node(name, uid=name.encode())
    await open_all(node, [link])
    try:
        yield node
    finally:
        stop(node)


async def test_programs_on_computers_are_found_by_broadcast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PICOLINK_DISCOVER", "127.0.0.1")
    async with running(PI, "tcp-listen::0") as one, running(PI + "-2", "tcp-listen:127.0.0.1:0"):
        nodes: dict[str, discover.Found] = {}
        for _ in range(4):  # programs of tests beside this one may take a question
            nodes.update({node.name: node for node in await asyncio.to_thread(search)})
            if PI in nodes:
                break
        assert PI in nodes
        node = nodes[PI]
        port = one.listeners[0][0].sock.getsockname()[1]
        assert node.address == f"tcp:127.0.0.1:{port}" and node.uid == PI.encode().hex()
        assert node.firmware.startswith("cpython 3.") and not node.virtual
        async with picolink.aio.connect(PI) as board:
            assert board.name == PI
    monkeypatch.setenv("PICOLINK_DISCOVER", "")
    async with running(PI, "tcp-listen::0"):
        assert PI not in {node.name for node in await asyncio.to_thread(search)}


async def test_a_host_is_asked_where_broadcasts_do_not_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its name is resolved by mDNS: the real library, on loopback only."""
    zeroconf = pytest.importorskip("zeroconf")
    monkeypatch.setenv("PICOLINK_DISCOVER", "127.0.0.1")
    async with running(FAR, "tcp-listen:127.0.0.9:0"):
        assert FAR not in {node.name for node in await asyncio.to_thread(search)}
        nodes = await asyncio.to_thread(search, None, ["127.0.0.9"])
        assert FAR in {node.name for node in nodes}
        assert await asyncio.to_thread(named, FAR) == []
        with contextlib.ExitStack() as stack:
            answering = responder(zeroconf, FAR + ".local.", "127.0.0.9")
            await asyncio.to_thread(stack.enter_context, answering)
            (node,) = await asyncio.to_thread(named, FAR)
            assert node.address.startswith("tcp:127.0.0.9:")
            async with picolink.aio.connect(FAR) as board:
                assert board.name == FAR
            await asyncio.to_thread(stack.close)


@contextlib.contextmanager
def responder(zeroconf: Any, name: str, address: str) -> Iterator[None]:
    """Answers for a host name, as a board's firmware does: address records, no services."""
    answering = zeroconf.Zeroconf(interfaces=["127.0.0.1"])
    kind = "_picolink-test._udp.local."
    info = zeroconf.ServiceInfo(
        kind, f"test.{kind}", port=9, addresses=[socket.inet_aton(address)], server=name
    )
    try:
        answering.register_service(info)
        yield
    finally:
        answering.close()


class Deaf:
    """Answers for a host name to everybody, as a board's firmware does, but loses the first
    questions: all of them that ask for an answer to us alone, which another program at this port
    gets, and `lost` of the others."""

    def __init__(self, name: str, address: str, lost: int) -> None:
        label = name.removesuffix(".local").encode()
        self._name = bytes([len(label)]) + label + b"\x05local\0"
        self._address = socket.inet_aton(address)
        self._lost = lost
        self.asked_s: list[float] = []  # when, of those for an answer to everybody
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        here = socket.inet_aton("127.0.0.1")
        group = socket.inet_aton("224.0.0.251")
        self._sock.bind(("224.0.0.251", 5353))
        self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + here)
        self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while data := self._sock.recv(2048):
            question = self._name + b"\0\x01\0\x01"  # A, IN; for an answer to us alone 0x8001
            if data[2] & 0x80 or question not in data:
                continue
            self.asked_s.append(time.monotonic())
            if len(self.asked_s) > self._lost:
                head = b"\0\0\x84\0\0\0\0\x01\0\0\0\0" + self._name
                answer = head + b"\0\x01\x80\x01\0\0\0\x78\0\x04" + self._address
                self._sock.sendto(answer, ("224.0.0.251", 5353))

    def __enter__(self) -> Deaf:
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            end.sendto(b"", ("224.0.0.251", 5353))
        self._thread.join()
        self._sock.close()


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_lost_questions_hide_no_node(monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    pytest.importorskip("zeroconf")
    monkeypatch.setenv("PICOLINK_DISCOVER", "127.0.0.1")
    async with running(FAR, "tcp-listen:127.0.0.10:0"):
        with Deaf(FAR + ".local", "127.0.0.10", lost) as host:
            (node,) = await asyncio.to_thread(named, FAR)
            assert node.address.startswith("tcp:127.0.0.10:")
            assert len(host.asked_s) == lost + 1
            for earlier, later in pairwise(host.asked_s):  # RFC 6762, 5.2
                assert later - earlier > 0.99
        begun_s = time.monotonic()
        assert await asyncio.to_thread(named, f"{FAR}-{lost}-not") == []
        assert discover.NAMED_S <= time.monotonic() - begun_s < discover.NAMED_S + 2


async def test_a_name_that_is_found_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICOLINK_DISCOVER", "127.0.0.1")
    async with running(FAR + "-0", "tcp-listen:127.0.0.1:0"):
        begun_s = time.monotonic()
        for _ in range(4):  # programs of tests beside this one may take a question
            begun_s = time.monotonic()
            if await asyncio.to_thread(named, FAR + "-0"):
                break
        assert time.monotonic() - begun_s < discover.NAMED_S - 0.5


def test_names_that_are_none_are_asked_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a: pytest.fail(f"asked for {a}"))
    for name in ("", "..", "a b", "-\n", "ä", "x/../y", "$(id)", "a..b"):
        assert addresses_of(name, ["127.0.0.1"], 0.1) == []
    assert addresses_of("greenhouse", [], 0.1) == []  # in no network


def test_without_zeroconf_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(name: str, *_: Any) -> Any:
        asked.append(name)
        return [(2, 2, 17, "", ("192.168.1.20", 0))]

    monkeypatch.setitem(sys.modules, "zeroconf", None)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert addresses_of("greenhouse", ["127.0.0.1"], 0.1) == ["192.168.1.20"]
    assert addresses_of("shed.example", ["127.0.0.1"], 0.1) == ["192.168.1.20"]
    assert asked == ["greenhouse.local", "shed.example"]


NUMBER = b"0123abcd"


def told(**about: Any) -> discover.Found | None:
    return parse(ANSWER + NUMBER + json.dumps(about).encode(), NUMBER, "192.168.1.20")


def test_what_a_stranger_tells_is_looked_at() -> None:
    node = told(name="x\x1b[2J", uid="01", rssi=5, firmware=7, links=["tcp-listen::80", 3, None])
    assert node and node.name == "x?[2J" and node.signal_dbm is None and node.firmware == ""
    assert node.address == "tcp:192.168.1.20:80" and node.links == ("tcp-listen::80",)
    for link, address in {
        "tcp-listen:10.0.0.2:5300": "tcp:10.0.0.2:5300",
        "tcp-listen:0.0.0.0:5263": "tcp:192.168.1.20",
        "tcp-listen:::1:5263": "tcp:192.168.1.20",
        "tcp-listen:$(id):5263": "tcp:192.168.1.20",
        "tcp-listen::٣": "tcp:192.168.1.20",
        "usb:": "tcp:192.168.1.20",
    }.items():
        node = told(name="a", uid="01", links=[link])
        assert node and node.address == address, link
    assert (
        told(name="a") is None and told(name="", uid="01") is None and told(name=[], uid=3) is None
    )
    assert parse(ANSWER + b"otherone" + b'{"name":"a","uid":"01"}', NUMBER, "1.2.3.4") is None


def test_bad_answers_never_raise() -> None:
    rng = random.Random(SEED)
    good = {"name": "a", "uid": "01", "rssi": -50, "links": ["tcp-listen::1"], "host": "a"}
    for _ in range(count(40000)):
        data = bytearray(ANSWER + NUMBER + json.dumps(good).encode())
        for _ in range(rng.randrange(6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        parse(bytes(data[: rng.randrange(len(data) + 1)]), NUMBER, "192.168.1.20")
    assert parse(ANSWER + NUMBER + b"[" * 2000, NUMBER, "192.168.1.20") is None
