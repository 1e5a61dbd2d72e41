"""Who was refused is served as soon as there is room, and does not ask again and again."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cutting_proxy import CuttingProxy
from served_node import Served, fixtures, served, until

import picolink
from picolink.core.timing import TIMES
from picolink.node.client import peer as peer_module
from picolink.node.client.peer import Peer
from picolink.node.closing import stop
from picolink.node.host.threaded_client import ThreadedClient
from picolink.node.node import Node
from picolink.node.opening import open_all, start

CPYTHON_ONLY = "threads of a host"

serving, board = fixtures(lambda node: node.command(name="echo")(lambda value: value))


def set_places(serving: Served, places: int) -> None:
    serving.do(lambda: setattr(serving.node.endpoint, "max_sessions", places))


def forget_all(serving: Served) -> None:
    """As where the node was restarted: it has no session any more, and no place for one."""

    def forget() -> None:
        endpoint = serving.node.endpoint
        endpoint.max_sessions = 0
        for session in list(endpoint.sessions.values()):
            endpoint.close(session, serving.node.now_ms())
        for driver in list(serving.node.drivers):
            driver.lost("it was restarted")

    serving.do(forget)


@contextlib.asynccontextmanager
async def asking(serving: Served) -> AsyncIterator[tuple[Node, Peer]]:
    """A node of this loop, and its peer that serves."""
    node = Node("asker", uid=b"uid-asker")
    start(node)
    peer = node.peer(serving.at)
    try:
        yield node, peer
    finally:
        await peer.close()
        stop(node)


def test_a_program_whose_place_was_taken(
    serving: Served, board: picolink.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_at: list[float] = []
    on_refused = ThreadedClient.on_refused

    def note(line: ThreadedClient, session: Any, why: str) -> None:
        refused_at.append(time.monotonic())
        on_refused(line, session, why)

    monkeypatch.setattr(ThreadedClient, "on_refused", note)
    feed = board.subscribe("door")
    until(lambda: serving.do(lambda: serving.node.topics.get("door")))
    forget_all(serving)
    until(lambda: len(refused_at) >= 3)
    pauses_s = [after - before for before, after in itertools.pairwise(refused_at)]
    assert min(pauses_s) >= TIMES["retry"] / 1000 - 0.001  # the clock counts whole ms
    why = r"no link to served .*\(refused: served has 0 sessions already"
    with pytest.raises(picolink.NotDone, match=why):
        board.call("echo", 1, timeout_s=0.05)
    set_places(serving, 4)
    assert board.call("echo", 2) == 2
    until(lambda: serving.do(lambda: serving.node.topics.get("door")))
    serving.do(lambda: serving.node.publish("door", "open"))
    assert next(feed).value == "open"


def test_a_peer_is_told_at_once_and_connected_later(serving: Served) -> None:
    set_places(serving, 0)

    async def run() -> None:
        async with asking(serving) as (node, peer):
            with pytest.raises(picolink.Refused, match="sessions already"):
                await peer.ready()
            with pytest.raises(picolink.Refused, match="sessions already"):
                await peer.call("echo", 1)
            serving.node.endpoint.max_sessions = 4
            while True:
                try:
                    await peer.ready()
                    break
                except picolink.Refused:
                    await asyncio.sleep(0.01)
            assert await peer.call("echo", 2) == 2

    asyncio.run(asyncio.wait_for(run(), 20))


class Pauses:
    """Stands where `asyncio` does in peer.py: notes the pauses, and makes them short."""

    def __init__(self) -> None:
        self.ms: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        self.ms.append(round(seconds * 1000))
        await asyncio.sleep(0.002)


def test_a_peer_asks_at_growing_pauses_until_it_is_connected(
    serving: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses()
    monkeypatch.setattr(peer_module, "asyncio", pauses)
    set_places(serving, 0)

    async def come(ready: Any) -> None:
        while not ready():  # noqa: ASYNC110 what threads bring
            await asyncio.sleep(0.002)

    async def run() -> None:
        async with asking(serving) as (node, peer):
            await come(lambda: len(pauses.ms) >= 7)
            meant = [250, 500, 1000, 2000, 4000, 5000, 5000]  # less what passed since the loss
            assert all(0 <= a - b < 50 for a, b in zip(meant, pauses.ms[:7])), pauses.ms
            serving.node.endpoint.max_sessions = 4
            await come(lambda: peer.connected)
            assert peer.refused is None
            for _ in range(3):
                pauses.ms.clear()
                for driver in list(node.drivers):
                    driver.lost("a cut")
                assert not peer.connected
                await come(lambda: peer.connected)
                assert pauses.ms == []  # it was lost, not refused: at once

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_peer_that_was_refused_and_closed_is_closed(serving: Served) -> None:
    set_places(serving, 0)

    async def run() -> None:
        async with asking(serving) as (node, peer):
            with pytest.raises(picolink.Refused):
                await peer.ready()
            await peer.close()
            with pytest.raises(picolink.LinkError, match="closed here"):
                await peer.ready()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_program_asks_at_growing_pauses(
    serving: Served, board: picolink.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIMES, "retry", 10)
    monkeypatch.setitem(TIMES, "retry_max", 50)
    asked: list[tuple[int, int]] = []
    on_refused = ThreadedClient.on_refused

    def note(line: ThreadedClient, session: Any, why: str) -> None:
        on_refused(line, session, why)
        asked.append((line._pause_ms, line._due_ms - line.node.now_ms()))

    monkeypatch.setattr(ThreadedClient, "on_refused", note)
    forget_all(serving)
    until(lambda: len(asked) >= 4)
    assert [after_ms for after_ms, _ in asked[:4]] == [20, 40, 50, 50]
    # It is the next one that is noted.
    assert all(after_ms // 2 - 10 < left_ms <= after_ms for after_ms, left_ms in asked)


def test_a_first_connect_is_refused_at_once(serving: Served) -> None:
    set_places(serving, 0)
    node = Node("asker", uid=b"uid-asker")
    for _ in range(3):
        with pytest.raises(picolink.Refused, match="sessions already"):
            picolink.connect(serving.at, node=node)
    assert node.peers == []  # nothing is left of them


def test_a_refused_move_leaves_all_as_it_was(serving: Served, board: picolink.Board) -> None:
    with served(lambda node: None) as other:
        set_places(other, 0)
        begun = time.monotonic()
        with pytest.raises(picolink.Refused, match="sessions already"):
            board.move(other.at, 20)
        assert time.monotonic() - begun < 10  # at once
        assert board.address == serving.at
        assert board.call("echo", 1) == 1
        serving.do(lambda: [driver.lost("a cut") for driver in list(serving.node.drivers)])
        assert board.call("echo", 2) == 2


def test_who_was_refused_and_came_back_can_move(serving: Served, board: picolink.Board) -> None:
    forget_all(serving)
    until(lambda: board._client.refused is not None)
    set_places(serving, 4)
    assert board.call("echo", 1) == 1
    assert board._client.refused is None
    board.move(serving.at)
    assert board.call("echo", 2) == 2


def test_the_link_is_lost_while_a_move_fails(serving: Served, board: picolink.Board) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as pool:
        moving = pool.submit(board.move, f"tcp:127.0.0.1:{silent.getsockname()[1]}", 0.5)
        with silent.accept()[0] as tried:
            serving.do(lambda: [driver.lost("a cut") for driver in list(serving.node.drivers)])
            with pytest.raises(picolink.CannotConnect, match="no picolink node answered"):
                moving.result(10)
            tried.settimeout(5)
            while tried.recv(4096):  # until it is closed
                pass
        assert board.call("echo", 1) == 1


def test_who_takes_connections_and_closes_them_is_not_asked_without_a_pause(
    serving: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a proxy does whose own connection is gone."""
    dialed_at: list[float] = []
    open_link = ThreadedClient.open

    def note(line: ThreadedClient, address: str, timeout_s: float) -> Any:
        if address == at:
            dialed_at.append(time.monotonic())
        return open_link(line, address, timeout_s)

    host, port = serving.at.removeprefix("tcp:").split(":")
    with contextlib.closing(CuttingProxy((host, int(port)), 1)) as proxy:
        at = f"tcp:127.0.0.1:{proxy.port}"
        with picolink.connect(at) as board:
            assert board.call("echo", 1) == 1
            monkeypatch.setattr(ThreadedClient, "open", note)
            proxy.to = (host, 1)  # where nobody listens
            proxy.cut()
            until(lambda: len(dialed_at) >= 4)
            pauses_s = [after - before for before, after in itertools.pairwise(dialed_at)]
            assert min(pauses_s) >= TIMES["retry"] / 1000 - 0.001  # the clock counts whole ms
            proxy.to = (host, int(port))
            assert board.call("echo", 2) == 2


def test_calls_that_waited_for_room_are_run(serving: Served) -> None:
    async def run() -> None:
        async with asking(serving) as (node, peer):
            assert await peer.call("echo", 1) == 1
            await asyncio.to_thread(forget_all, serving)
            calls = [asyncio.create_task(peer.call("echo", number)) for number in range(5)]
            await asyncio.to_thread(until, lambda: peer.refused is not None)
            calls += [asyncio.create_task(peer.call("echo", number)) for number in range(5, 10)]
            await asyncio.sleep(0)
            await asyncio.to_thread(set_places, serving, 4)
            assert await asyncio.gather(*calls) == list(range(10))

    asyncio.run(asyncio.wait_for(run(), 20))


def test_calls_that_were_never_sent_keep_no_place(serving: Served, board: picolink.Board) -> None:
    forget_all(serving)
    until(lambda: board._client.refused is not None)
    for number in range(200):
        with pytest.raises(picolink.NotDone):
            board.call("echo", number, timeout_s=0.001)
    set_places(serving, 4)
    assert board.call("echo", 1) == 1


def test_an_address_that_dials_is_nothing_to_run_on(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        node = Node("asker", uid=b"uid-asker")
        await open_all(node, ["tcp:127.0.0.1:9"])
        stop(node)

    asyncio.run(run())
    assert (
        "asker: no tcp:127.0.0.1:9: it dials a node: give it to node.peer"
        in capsys.readouterr().out
    )


def test_an_iterator_ends_with_its_connection(serving: Served) -> None:
    async def run() -> list[Any]:
        got = []
        async with picolink.aio.connect(serving.at) as board:
            door = await board.subscribe("door")

            async def listen() -> None:
                async for reading in door:
                    got.append(reading.value)

            listening = asyncio.create_task(listen())
            await asyncio.to_thread(until, lambda: "door" in serving.node.topics)
            await asyncio.to_thread(serving.do, lambda: serving.node.publish("door", "open"))
            await asyncio.to_thread(until, lambda: got)
        await listening
        return got

    assert asyncio.run(asyncio.wait_for(run(), 20)) == ["open"]
