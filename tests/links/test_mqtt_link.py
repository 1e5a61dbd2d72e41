"""The session over MQTT keeps the contract of links: board and host on a real broker, which the
host reaches through a proxy that cuts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED
from brokers import Broker, Certificates, Mosquitto, Nats, Program, Watcher, free_port
from cutting_proxy import CuttingProxy
from link_contract import LinkContract
from served_node import until

import picolink
from picolink.core.errors import UsageError
from picolink.links.mqtt.dialing import NO_BROKER
from picolink.links.mqtt.host import open_link
from picolink.links.mqtt.sockets_host import context_for
from picolink.links.mqtt.tls import Security
from picolink.packing import compile_all
from picosim import VirtualBoard, World

CPYTHON_ONLY = "virtual boards, real brokers"


class MqttContract(LinkContract):
    kind: type[Broker] = Mosquitto
    groups = ("usb", "mqtt")

    @pytest.fixture(scope="class")
    @classmethod
    def broker(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
        with cls.kind(tmp_path_factory.mktemp("broker")) as broker:
            yield broker

    @pytest.fixture(autouse=True)
    def _proxy(self, broker: Broker) -> Iterator[None]:
        self.links = ("usb:", broker.address + "/lab")
        self.proxy = CuttingProxy(("127.0.0.1", broker.port), SEED)
        yield
        self.proxy.close()

    def address(self, board: VirtualBoard) -> str:
        return f"mqtt://127.0.0.1:{self.proxy.port}/lab/contract"

    def cut(self, board: VirtualBoard) -> None:
        self.proxy.cut()


class TestOverMosquitto(MqttContract):
    pass


class TestOverNats(MqttContract):
    kind = Nats


GREENHOUSE = """
from picolink import Node
node = Node("greenhouse")
presses = 0

@node.command
def press(n=1):
    global presses
    presses += n
    return presses

@node.command(name="door.open")
def door_open():
    return "open"

@node.reading("presses", every_s=0.05)
def count():
    return presses

node.run(*LINKS)
"""

BUTTON = """
from picolink import Node
node = Node("door")
greenhouse = node.peer(ADDRESS)

@node.command
async def press_there():
    return await greenhouse.call("press", 10)

node.run("usb:")
"""


def green(folder: Path, address: str) -> Program:
    """The greenhouse as a host node; online when this returns."""
    program = Program([sys.executable], f"LINKS = [{address!r}]\n{GREENHOUSE}", folder)
    program.line("connected")
    return program


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_a_host_node_and_asyncio_with_a_user(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, users={"ann": "p@ss"}) as broker:
        here = f"127.0.0.1:{broker.port}/house/one"
        with green(tmp_path, f"mqtt://ann:p%40ss@{here}"):

            async def main() -> None:
                async with picolink.aio.connect(f"mqtt://ann:p%40ss@{here}/greenhouse") as board:
                    assert board.name == "greenhouse"
                    assert await board.call("press", 5) == 5
                    async for reading in board.readings("presses", count=2):
                        assert reading.value == 5

            asyncio.run(main())
            with pytest.raises(picolink.Refused, match="refuses us") as caught:
                picolink.connect(f"mqtt://ann:hidden@{here}/greenhouse")
            assert "hidden" not in str(caught.value)
            with picolink.connect(f"mqtt://ann:p%40ss@{here}/greenhouse") as board:
                assert board.address == f"mqtt://ann@{here}/greenhouse"


def test_tls_and_whom_it_does_not_trust(tmp_path: Path, certificates: Certificates) -> None:
    with Mosquitto(tmp_path, tls=certificates.leaf()) as broker:
        at = f"{broker.address}/greenhouse"
        with green(tmp_path, f"{broker.address}?ca={certificates.root}"):
            for ca in (certificates.root, certificates.root_der):
                with picolink.connect(f"{at}?ca={ca}") as board:
                    assert board.call("press") > 0
            with picolink.connect(f"{at}?verify=no") as board:
                assert board.call("door.open") == "open"
            with pytest.raises(picolink.CannotConnect, match="is not trusted"):
                picolink.connect(f"{at}?ca={certificates.other_root}")
            with pytest.raises(picolink.UsageError, match="CA's file"):
                picolink.connect(f"{at}?ca={tmp_path}/none.pem")
            with pytest.raises(picolink.CannotConnect):
                picolink.connect(at.replace("mqtts", "mqtt"), timeout_s=2)


def test_who_is_not_there(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        with pytest.raises(picolink.CannotConnect, match="nobody called lab/nobody has ever been"):
            picolink.connect(f"{broker.address}/lab/nobody", timeout_s=0.5)
        with green(tmp_path, broker.address), picolink.connect(f"{broker.address}/greenhouse"):
            pass
        with pytest.raises(picolink.CannotConnect, match="the node is not, says its last status"):
            picolink.connect(f"{broker.address}/greenhouse", timeout_s=0.5)
        with pytest.raises(picolink.BadAddress, match="which node on that broker"):
            picolink.connect(broker.address)
    with pytest.raises(picolink.CannotConnect, match="no broker answers.*Connection refused"):
        picolink.connect(f"{broker.address}/greenhouse", timeout_s=2)


def test_what_is_closed_leaves_the_broker(tmp_path: Path) -> None:
    def sockets() -> int:
        places = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
        return sum(os.path.islink(each) and "socket:" in os.readlink(each) for each in places)

    with Mosquitto(tmp_path) as broker, green(tmp_path, broker.address):
        with picolink.connect(f"{broker.address}/greenhouse"):
            before = sockets()
        for _ in range(8):
            with picolink.connect(f"{broker.address}/greenhouse") as board:
                board.describe()
        until(lambda: sockets() < before, 10)


def test_a_node_of_whose_name_another_has_gone_stays_online(tmp_path: Path) -> None:
    """Its will says so of both: two programs of a name, or one that was frozen and begun anew."""
    with (
        Mosquitto(tmp_path) as broker, green(tmp_path, broker.address),
        Watcher(broker.port, status := "greenhouse/status") as others,
        picolink.connect(f"{broker.address}/greenhouse") as board,
    ):  # fmt: skip
        for turn, payload in enumerate(["offline", "", "nonsense"], 1):
            others.put(status, payload, 1, True)
            others.wait(lambda turn=turn: others.payloads(status).count(b"online") > turn)
            assert board.call("press", timeout_s=10) == turn
    with Mosquitto(tmp_path) as broker, green(tmp_path, broker.address) as first:
        with green(tmp_path, broker.address):
            first.kill()
            with picolink.connect(f"{broker.address}/greenhouse") as board:
                assert board.call("press", timeout_s=10) == 1


def test_calls_go_on_when_the_broker_was_killed(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, green(tmp_path, broker.address):
        with picolink.connect(f"{broker.address}/greenhouse") as board:
            for turn in range(1, 4):
                assert board.call("press", timeout_s=30) == turn
                broker.end(signal.SIGKILL)
                broker.start()


def test_board_to_board(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, World(seed=SEED) as world:
        libs = compile_all(["usb", "mqtt"])
        links = ("usb:", broker.address + "/lab")
        world.board("greenhouse", main=f"LINKS = {links!r}\n{GREENHOUSE}", libs=libs)
        peer = f"ADDRESS = {broker.address + '/lab/greenhouse'!r}\n"
        door = world.board("door", main=peer + BUTTON, libs=libs)
        with picolink.connect(door.usb_path) as board:
            assert [board.call("press_there", timeout_s=30) for _ in range(3)] == [10, 20, 30]


def test_a_session_moves_to_the_broker_and_back(tmp_path: Path) -> None:
    port = free_port()
    with Mosquitto(tmp_path) as broker:
        links = [f"tcp-listen:127.0.0.1:{port}", broker.address]
        with Program([sys.executable], f"LINKS = {links!r}\n{GREENHOUSE}", tmp_path) as program:
            program.line("connected")
            with picolink.connect(f"tcp:127.0.0.1:{port}") as board:
                for turn, address in enumerate(
                    (f"{broker.address}/greenhouse", f"tcp:127.0.0.1:{port}") * 2
                ):
                    assert board.call("press") == 2 * turn + 1
                    board.move(address)
                    assert board.call("press") == 2 * turn + 2
                    assert board.address == address


@pytest.mark.parametrize(
    "address", ["mqtt://ann:hidden@127.0.0.1:1/lab/x", "mqtt://ann:hidden@:9/x",
                "mqtts://ann:hidden@127.0.0.1:1/lab/x?ca=/none", "mqtt://ann:hidden@h:x/y",
                "mqtt://ann:hidden@127.0.0.1:1/"],
)  # fmt: skip
def test_no_message_shows_a_password(address: str, tmp_path: Path) -> None:
    with pytest.raises(picolink.PicolinkError) as caught:
        picolink.connect(address, timeout_s=1)
    assert "hidden" not in str(caught.value)

    async def peer() -> None:
        with pytest.raises(picolink.PicolinkError) as caught:
            await picolink.aio.connect(address, timeout_s=1)
        assert "hidden" not in str(caught.value)

    asyncio.run(peer())
    source = f"from picolink import Node\nnode = Node('a')\nnode.run({address!r})\n"
    with Program([sys.executable], source, tmp_path) as program:
        if "listening" in program.line("a: "):
            program.line("mqtt")  # why it does not connect
        assert "hidden" not in "".join(program.output)


def test_who_closes_a_link_says_so(tmp_path: Path) -> None:
    """As where its session goes on over another one. Else the node keeps it for a minute or longer,
    and a ninth ends the first, which may live."""
    with (
        Mosquitto(tmp_path) as broker, green(tmp_path, broker.address),
        Watcher(broker.port, "greenhouse/_s/+/in") as others,
    ):  # fmt: skip
        where = broker.address.partition("://")[2] + "/greenhouse"
        link = open_link("mqtt", where, {})
        link.send(b"hello")
        link.close()
        others.wait(lambda: [each.payload for each in others.messages] == [b"hello", b""], 5)


def test_a_call_of_several_packets_waits_for_no_delayed_acknowledgement(tmp_path: Path) -> None:
    """A broker out of the box holds the second of several small packets back, for 40 ms or more."""
    source = (
        "from picolink import Node\nnode = Node('shed')\n"
        "@node.command\ndef echo(data):\n    return data\nnode.run(ADDRESS)\n"
    )
    with Mosquitto(tmp_path, stock=True) as broker, World(seed=SEED) as world:
        address = f"{broker.address}/lab"
        main = f"ADDRESS = {address!r}\n{source}"
        world.board("shed", main=main, libs=compile_all(["usb", "mqtt"]))
        with picolink.connect(f"{address}/shed", timeout_s=20) as shed:
            took_s = []
            for _ in range(10):
                began_s = time.monotonic()
                assert shed.call("echo", "x" * 5000) == "x" * 5000
                took_s.append(time.monotonic() - began_s)
            assert min(took_s) < 0.03, took_s


DIALS = """
import sys, picolink
try:
    picolink.connect(sys.argv[1], timeout_s=1)
except picolink.PicolinkError as error:
    print(error)
"""


def test_a_port_that_is_no_brokers_is_told_in_one_line() -> None:
    def serve() -> None:
        sock, _ = server.accept()
        sock.recv(1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        sock.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        at = f"mqtt://127.0.0.1:{server.getsockname()[1]}/lab/x"
        command = [sys.executable, "-c", DIALS, at]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        thread.join()
    assert done.stderr == ""
    assert "did not answer as a broker" in done.stdout and NO_BROKER in done.stdout


@pytest.mark.parametrize(
    ("held", "says"), [(None, "can't be read"), (b"", "no certificate"), (b"x", "no certificate")]
)
def test_a_ca_that_is_none(tmp_path: Path, held: bytes | None, says: str) -> None:
    file = tmp_path
    if held is not None:
        file = tmp_path / "ca.pem"
        file.write_bytes(held)
    with pytest.raises(UsageError, match=says):
        Security(str(file), True)
    with pytest.raises(UsageError, match="no certificate"):
        Security(b"", True)


def test_a_ca_that_is_cut_off(tmp_path: Path) -> None:
    """What is DER by its first byte is read only when TLS begins."""
    whole = Certificates(tmp_path).root_der.read_bytes()
    with pytest.raises(UsageError, match="the CA's certificate is damaged"):
        context_for(Security(whole[:300], True))
