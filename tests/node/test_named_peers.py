"""`node.peer("laptop")`: whoever of that name connected last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from served_node import Served, fixtures, until

import picolink
from picolink.node.node import Node

CPYTHON_ONLY = "threads of a host"

serving, board = fixtures(lambda node: None)


def laptop(serving: Served, run: str) -> picolink.Board:
    node = Node("laptop", uid=f"uid-{run}".encode())
    node.command(name="who")(lambda: run)
    return picolink.connect(serving.at, node=node)


def who(serving: Served) -> object:
    async def ask() -> object:
        return await serving.node.peer("laptop").call("who", timeout_s=5)

    return asyncio.run_coroutine_threadsafe(ask(), serving.loop).result(10)


def test_of_two_of_one_name_the_latest_is_called(serving: Served) -> None:
    with laptop(serving, "first") as first:
        assert who(serving) == "first"
        with laptop(serving, "second"):
            assert who(serving) == "second"
            before = serving.do(lambda: first._client.session.attach)
            first._client._driver.link.close()  # type: ignore[union-attr]
            until(lambda: first.connected and first._client.session.attach is not before)
            serving.do(serving.node.peers.clear)
            assert who(serving) == "first"
            first.close()
            until(lambda: len(serving.node.endpoint.sessions) == 1)
            assert who(serving) == "second"


def test_asked_again_it_is_the_same_peer(serving: Served) -> None:
    def ask() -> list[object]:
        return [serving.node.peer("laptop"), serving.node.peer("tcp:127.0.0.1:9")] * 2

    assert len({id(peer) for peer in [*serving.do(ask), *serving.do(ask)]}) == 2
    assert len(serving.node.peers) == 2


def test_what_was_asked_of_a_program_that_was_killed_ends_when_it_is_back(serving: Served) -> None:
    async def iterate(items: Any) -> None:
        async for _ in await items:
            pass

    async def outcome(ask: Callable[[Any], Any]) -> type | None:
        try:
            await ask(serving.node.peer("laptop"))
        except picolink.PicolinkError as error:
            return type(error)
        return None

    node = Node("laptop", uid=b"uid-killed")

    @node.command
    async def never() -> None:
        await asyncio.Event().wait()

    @node.stream
    async def slow() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 1

    first = picolink.connect(serving.at, node=node)
    asked = (
        lambda peer: iterate(peer.subscribe("door")),
        lambda peer: iterate(peer.stream("slow")),
        lambda peer: peer.call("never", timeout_s=0),
    )
    tasks = [asyncio.run_coroutine_threadsafe(outcome(ask), serving.loop) for ask in asked]
    session = first._client.session
    until(
        lambda: node.topics.get("door") and session.data.running and len(session.data.outgoing) == 2
    )
    vanish(first)
    until(lambda: serving.do(lambda: serving.node.peer("laptop").connected) is False)
    assert not any(task.done() for task in tasks)  # it may come back
    with laptop(serving, "second"):
        assert who(serving) == "second"
        assert [task.result(5) for task in tasks] == [picolink.Unknown] * 3
        assert serving.do(lambda: serving.node.peer("laptop").connected)
    first.close()


def test_what_was_asked_of_an_earlier_program_ends_when_that_one_is_killed(serving: Served) -> None:
    """Later than another of its name has come: until then it may answer yet."""
    node = Node("laptop", uid=b"uid-earlier")

    @node.command
    async def never() -> None:
        await asyncio.Event().wait()

    async def outcome() -> type:
        with pytest.raises(picolink.PicolinkError) as caught:
            await serving.node.peer("laptop").call("never", timeout_s=0)
        return caught.type

    first = picolink.connect(serving.at, node=node)
    task = asyncio.run_coroutine_threadsafe(outcome(), serving.loop)
    session = first._client.session
    until(lambda: session.data.running)
    with laptop(serving, "second"):
        assert who(serving) == "second"
        assert not task.done()
        vanish(first)
        assert task.result(5) is picolink.Unknown
    first.close()


def vanish(board: picolink.Board) -> None:
    """As if its program was killed: the link ends, no goodbye, and nobody opens it anew."""
    line = board._client
    with line.host.lock:
        line.open = lambda *_: (_ for _ in ()).throw(OSError("it was killed"))  # type: ignore[method-assign,assignment]
        assert line._driver is not None
        line._driver.lost("killed")


def test_a_peer_has_a_name_or_an_address(serving: Served) -> None:
    with pytest.raises(picolink.UsageError, match="name of who connects"):
        serving.do(lambda: serving.node.peer(""))


def test_a_peer_whose_address_opens_nothing_says_why(serving: Served) -> None:
    peer = serving.do(lambda: serving.node.peer("mqtt://127.0.0.1:1/lab/x?foo=1"))
    until(lambda: "mqtt has no option foo" in peer.why)
    assert not peer.connected
