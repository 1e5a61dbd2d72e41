"""A computer dials a node over a broker: in its own event loop or beside it, and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker, Mosquitto, Program
from forked_child import child
from served_node import until

import picolink
from picolink.core.errors import LinkError
from picolink.links.host.background import NodeSide
from picolink.links.mqtt import sockets_host
from picolink.links.mqtt.host import open_async, open_link
from picolink.links.mqtt.link import MqttLink

CPYTHON_ONLY = "real brokers"

NODE = """
from picolink import Node
node = Node("shed")

@node.command
def echo(value):
    return value

node.run(ADDRESS)
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("broker")
    with Mosquitto(folder) as broker:
        source = f"ADDRESS = {broker.address + '/lab'!r}\n{NODE}"
        with Program([sys.executable], source, folder) as program:
            program.line("connected")
            yield broker


@pytest.fixture
def at(broker: Broker) -> str:
    """Where the node is."""
    return f"{broker.address}/lab/shed"


def parts(address: str) -> tuple[str, str]:
    scheme, _, where = address.partition(":")
    return scheme, where


def connections(broker: Broker) -> int:
    """How many clients the broker has: the node is one."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ours = f":{broker.port:04X}"
    return sum(line.split()[1].endswith(ours) and line.split()[3] == "01" for line in lines)


def test_an_asyncio_program_has_the_link_in_its_own_loop(at: str) -> None:
    async def main() -> tuple[type, set[threading.Thread]]:
        before = set(threading.enumerate())
        async with picolink.aio.connect(at) as board:
            assert await board.call("echo", "x" * 9000) == "x" * 9000
            (driver,) = board.node.drivers
            return type(driver.link), set(threading.enumerate()) - before

    kind, threads = asyncio.run(main())
    assert kind is MqttLink
    assert all("asyncio" in thread.name for thread in threads)  # which looks names up


async def test_a_dial_that_is_given_up_leaves_nothing(broker: Broker) -> None:
    until(lambda: connections(broker) == 1, 10)
    dialing = asyncio.create_task(open_async(*parts(f"{broker.address}/lab/nobody"), {}))
    await asyncio.to_thread(until, lambda: connections(broker) == 2, 10)
    dialing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialing
    await asyncio.to_thread(until, lambda: connections(broker) == 1, 10)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


INTERRUPTED = """
import picolink
print("dials")
try:
    picolink.connect(ADDRESS, timeout_s=60)
except KeyboardInterrupt:
    print("interrupted")
input()
"""


def test_a_ctrl_c_while_it_waits_for_the_node_leaves_the_broker(
    broker: Broker, tmp_path: Path
) -> None:
    until(lambda: connections(broker) == 1, 10)
    source = f"ADDRESS = {broker.address + '/lab/nobody'!r}\n{INTERRUPTED}"
    with Program([sys.executable], source, tmp_path) as program:
        program.line("dials")
        until(lambda: connections(broker) == 2, 20)
        program.interrupt()
        program.line("interrupted")
        until(lambda: connections(broker) == 1, 10)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_fork_connects_anew(at: str) -> None:
    def run() -> str:
        with pytest.raises(picolink.UsageError, match="connect anew in the child"):
            board.call("echo", 0)
        board.close()
        with picolink.connect(at) as own:
            return str(own.call("echo", "child"))

    with picolink.connect(at) as board:
        for turn in range(3):
            assert child(run) == "child"
            assert board.call("echo", turn, timeout_s=5) == turn


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_an_asyncio_program_ends_nothing(at: str) -> None:
    async def main() -> None:
        async with picolink.aio.connect(at) as board:

            def run() -> str:
                with pytest.raises(picolink.UsageError, match="connect anew in the child"):
                    board.publish("t", 1)
                with contextlib.suppress(StopIteration):
                    board.close().send(None)  # type: ignore[attr-defined]
                return "left"

            for turn in range(3):
                assert await asyncio.to_thread(child, run) == "left"
                assert await board.call("echo", turn, timeout_s=5) == turn

    asyncio.run(main())


async def test_what_is_slow_to_be_found_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up, and what the computer trusts is read, beside the event loop."""
    found = socket.getaddrinfo

    def slow(*args: Any, **named: Any) -> Any:
        time.sleep(0.8)
        return found(*args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(sockets_host, "context_for", lambda secure: time.sleep(0.8))
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(0.01)
            longest_s = max(longest_s, time.monotonic() - began_s)

    watching = asyncio.create_task(watch())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for scheme in ("mqtt", "mqtts"):
            dialing = asyncio.create_task(open_async(scheme, f"//localhost:{port}/lab/x", {}))
            await asyncio.sleep(2)
            dialing.cancel()
            with pytest.raises((asyncio.CancelledError, picolink.CannotConnect)):
                await dialing
    watching.cancel()
    assert longest_s < 0.6


def test_who_fails_is_told_at_once() -> None:
    """A link is dialed again by the node. Who has not reached anybody waits for no such time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    began_s = time.monotonic()
    with pytest.raises(picolink.CannotConnect, match="Connection refused"):
        picolink.connect(f"mqtt://127.0.0.1:{port}/lab/x", timeout_s=30)
    assert time.monotonic() - began_s < 10

    async def main() -> None:
        await picolink.aio.connect(f"mqtt://127.0.0.1:{port}/lab/x", timeout_s=2)

    with pytest.raises(picolink.CannotConnect, match="Connection refused"):
        asyncio.run(main())


def test_a_broker_that_says_nothing(at: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"//127.0.0.1:{server.getsockname()[1]}/lab/x"
        with pytest.raises(picolink.CannotConnect, match="did not answer as a broker in 0.3 s"):
            open_link("mqtt", where, {}, 0.3)


def test_nothing_that_comes_while_it_is_taken_is_lost() -> None:
    """The node takes what has come in its own thread."""

    side = NodeSide("x")
    count = 20_000

    def bring() -> None:
        for number in range(count):
            side._packets.append(b"%d" % number)
        side._loop.call_soon_threadsafe(side._end, "it is over")

    thread = threading.Thread(target=bring)
    thread.start()
    got: list[bytes] = []
    with pytest.raises(LinkError, match="it is over"):
        while True:
            got += side.receive()
    thread.join()
    assert got == [b"%d" % number for number in range(count)]
