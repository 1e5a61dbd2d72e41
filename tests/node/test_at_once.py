"""What a program wants ends or begins at once, and not with what is sent next; what is over is let
go of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from typing import Any

import pytest
from served_node import Served, fixtures, until

import picolink
from picolink.core.errors import PicolinkError
from picolink.core.timing import TIMES
from picolink.node.closing import stop
from picolink.node.node import Node
from picolink.node.opening import open_all

CPYTHON_ONLY = "threads, signals and asynchronous generators of a host"


serving, _ = fixtures(lambda node: None)


async def soon(ready: Any, seconds: float = 1) -> bool:
    """Whether it comes within `seconds`."""
    for _ in range(int(seconds * 200)):
        if ready():
            return True
        await asyncio.sleep(0.005)
    return False


@contextlib.asynccontextmanager
async def pair(name: str, declare: Any) -> Any:
    node, host = Node("serves", uid=f"serves {name}".encode()), Node("asks", uid=name.encode())
    declare(node)
    await open_all(node, ["loopback-listen:" + name])
    await open_all(host, [])
    peer = host.peer("loopback:" + name)
    await peer.ready(5)
    try:
        yield node, host, peer
        await peer.close()
    finally:
        stop(host)
        stop(node)


async def idle(node: Node) -> None:
    """Waits until the node has nothing to acknowledge, with which more could leave."""
    keepalive_ms = TIMES["keepalive"]
    assert await soon(lambda: node.host.due_ms > node.now_ms() + keepalive_ms // 2, 5)


def test_what_is_cancelled_before_its_turn_is_not_run(serving: Served) -> None:
    """Commands of a program's node run one at a time; one that waits may be cancelled."""
    node = Node("laptop", uid=b"laptop" + os.urandom(4))
    free = threading.Event()
    ran: list[str] = []

    @node.command
    def long() -> None:
        ran.append("long")
        free.wait(10)

    @node.command
    def press() -> None:
        ran.append("press")

    with picolink.connect(serving.at, node=node) as board:

        async def ask() -> None:
            peer = serving.node.peer("laptop")
            await peer.ready(5)
            first = asyncio.create_task(peer.call("long"))
            assert await soon(lambda: ran)
            second = asyncio.create_task(peer.call("press"))
            running = board._client.session.data.running
            assert await soon(lambda: len(running) == 2)
            second.cancel()
            assert await soon(lambda: running[max(running)]._cancelled)
            free.set()
            await first

        asyncio.run_coroutine_threadsafe(ask(), serving.loop).result(10)
        until(lambda: not board._client.session.data.running)
    assert ran == ["long"]


async def test_an_asynchronous_stream_that_waits_is_closed_when_nobody_wants_it() -> None:
    closed: list[int] = []

    def declare(node: Node) -> None:
        @node.stream
        async def waits() -> Any:
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                closed.append(1)

    async with pair("once-stream", declare) as (node, host, peer):
        feed = await peer.stream("waits")
        assert await anext(feed) == 1
        feed.close()
        assert await soon(lambda: closed, 2)


def declare_never(node: Node) -> None:
    @node.command
    async def never() -> None:
        await asyncio.Event().wait()


async def test_a_call_of_a_task_keeps_the_deadline_of_its_first_try() -> None:
    """Not sent, it goes to a new session where the peer was restarted."""
    async with pair("once-deadline", declare_never) as (node, host, peer):
        session = peer.session
        assert session is not None and session.attach is not None
        port = session.attach.port
        port.quiet_until_ms = 1 << 40  # nothing is sent
        began = time.monotonic()
        call = asyncio.create_task(peer.call("never", timeout_s=1))
        await asyncio.sleep(0.7)
        port.quiet_until_ms = 0
        host.endpoint.close(session, host.now_ms())  # before what waits is sent
        port.drain()
        with pytest.raises(PicolinkError):
            await call
        assert peer.session is not session
        assert time.monotonic() - began < 1.4


async def test_a_link_that_takes_nothing_keeps_nobody_busy() -> None:
    """What is due can't be sent; to look at once, again and again, would not help."""
    async with pair("once-stalled", lambda node: None) as (node, host, peer):
        feed = await peer.subscribe("door")
        assert await soon(lambda: node.topics.get("door"))
        driver = peer._driver
        assert driver is not None
        driver.link.unsent = True  # an acknowledgement is due from now on
        node.publish("door", 1)
        await anext(feed)
        ticks = 0
        tick = host.tick

        def counted() -> int | None:
            nonlocal ticks
            ticks += 1
            return tick()

        host.host._tick = counted
        await asyncio.sleep(0.5)
        assert ticks < 100
        driver.link.unsent = False


async def test_a_cancel_is_sent_at_once() -> None:
    """And not with what is sent next, as much as 5 s later."""
    ended: list[int] = []

    def declare(node: Node) -> None:
        @node.command
        async def never() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(1)

    async with pair("once-cancel", declare) as (node, host, peer):
        task = asyncio.create_task(peer.call("never"))
        await idle(host)
        task.cancel()
        assert await soon(lambda: ended)


async def test_the_end_of_a_subscription_is_sent_at_once() -> None:
    async with pair("once-end", lambda node: None) as (node, host, peer):
        feed = await peer.subscribe("door")
        assert await soon(lambda: node.topics.get("door"))
        await idle(host)
        feed.close()
        assert await soon(lambda: not node.topics.get("door"))


async def test_room_that_a_coroutine_gives_back_late_is_told_at_once() -> None:
    got: list[Any] = []
    async with pair("once-room", lambda node: None) as (node, host, peer):

        @host.subscribe("door", queue="latest")
        async def door(reading: Any) -> None:
            await asyncio.sleep(0.2)
            got.append(reading.value)

        for meet in host.on_meet:
            meet(peer.session)
        assert await soon(lambda: node.topics.get("door"))
        for i in range(3):
            node.publish("door", i)
            assert await soon(lambda i=i: got == list(range(i + 1)))
            await idle(host)


async def test_a_small_item_that_is_the_oldest_makes_no_large_one_lose_it() -> None:
    """What there is no room for is sent first, where the link takes it."""
    async with pair("once-sizes", lambda node: None) as (node, _, peer):
        feed = await peer.subscribe("door")
        assert await soon(lambda: node.topics.get("door"))
        for number in range(5):  # 9 kB, of 8 kB that may wait
            node.publish("door", [number, "x" * (3000 * (number in (1, 3, 4)))])
        got = [await anext(feed) for _ in range(5)]
        assert [item.value[0] for item in got] == list(range(5))
        assert not any(item.missed for item in got)


async def test_a_closed_peer_is_not_given_out_again() -> None:
    async with pair("once-closed", lambda node: None) as (node, host, peer):
        other = host.peer(peer._target)
        assert other is peer
        await peer.close()
        again = host.peer("loopback:once-closed")
        assert again is not peer
        await again.ready(5)
        await again.close()


async def test_a_link_for_which_there_is_no_memory_is_closed(monkeypatch: Any) -> None:
    from picolink.node.client import dial

    links: list[Any] = []
    real = dial.Driver

    def fails(node: Node, link: Any, on_lost: Any) -> Any:
        if not links:
            links.append(link)
            close = link.close
            link.close = lambda: (links.append("closed"), close())
            raise MemoryError
        return real(node, link, on_lost)

    monkeypatch.setattr(dial, "Driver", fails)
    async with pair("once-open", lambda node: None):
        assert links[1:] == ["closed"]


async def test_a_node_that_ends_says_goodbye() -> None:
    """Its peers know at once that the session is over, and not only that the link is."""
    async with pair("once-bye", lambda node: None) as (node, host, peer):
        session = peer.session
        stop(node)
        assert session is not None and await soon(lambda: session.state == "closed")


async def test_a_link_that_can_not_be_closed_is_lost_all_the_same() -> None:
    async with pair("once-close", lambda node: None) as (node, host, peer):
        driver = peer._driver
        session = peer.session
        link_close = driver.link.close

        def fails() -> None:
            link_close()
            raise OSError(5, "it can't be closed")

        driver.link.close = fails
        with contextlib.suppress(OSError):
            driver.lost("gone")
        assert session.attach is None
        await peer.ready(5)


async def test_a_peer_that_is_tried_at_once_is_not_tried_twice() -> None:
    """The network is back, again and again, before the peer is."""
    node, host = Node("serves", uid=b"serves8"), Node("asks", uid=b"asks8")
    await open_all(host, [])
    peer = host.peer("loopback:once-again")
    await asyncio.sleep(0.1)
    for _ in range(3):
        peer.again()
        await asyncio.sleep(0.05)
    await open_all(node, ["loopback-listen:once-again"])
    try:
        await peer.ready(10)
        assert sum("_connect" in repr(task) for task in asyncio.all_tasks()) <= 1
        await peer.close()
    finally:
        stop(host)
        stop(node)


async def test_an_async_function_is_awaited_once_the_time_is_known() -> None:
    ran: list[int] = []

    async def known() -> None:
        await asyncio.sleep(0)
        ran.append(1)

    async with pair("once-known", lambda node: None) as (node, host, peer):
        host.time.when_known(known)
        assert await soon(lambda: ran)


async def test_a_reading_is_timed_by_the_session_that_brought_it() -> None:
    def declare(node: Node) -> None:
        node.reading("level")(lambda: 7)

    async with pair("once-read", declare) as (node, host, peer):
        ask, session = peer._ask, peer.session

        async def forgotten(*arguments: Any) -> Any:
            answered = await ask(*arguments)
            peer.session = None  # as where the board restarts just then
            return answered

        peer._ask = forgotten
        assert (await peer.read("level")).value == 7
        peer.session = session


async def test_a_peer_that_is_closed_says_goodbye() -> None:
    """Else its session, and what it asked for, stays there until another one wants the place."""
    async with pair("once-left", lambda node: None) as (node, host, peer):
        (session,) = node.endpoint.sessions.values()
        await peer.close()
        assert await soon(lambda: session.state == "closed" and not node.endpoint.sessions)
