"""A program that forks: the connection is the parent's, whatever the child does or lets go of."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from forked_child import child
from served_node import Served, fixtures

import picolink
from picolink.core.errors import UsageError
from picolink.node.node import Node

CPYTHON_ONLY = "a host's processes"
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def declare(node: Node) -> None:
    ran: list[Any] = []

    @node.command
    def echo(*args: Any, **named: Any) -> Any:
        ran.append(args)
        return [list(args), named]

    @node.command
    def all_ran() -> Any:
        return ran

    @node.reading("count", every_s=0.01)
    def counted() -> int:
        return len(ran)

    @node.stream
    def numbers() -> Any:
        yield from range(1000)


serving, board = fixtures(declare)


def refused(use: Callable[[], Any]) -> str:
    try:
        use()
    except UsageError as error:
        return str(error)
    return "nothing"


def test_a_child_is_told_to_connect_anew(board: picolink.Board) -> None:
    uses: tuple[Callable[[], Any], ...] = (
        lambda: board.call("echo"),
        lambda: next(iter(board.readings("x"))),
        lambda: board.publish("t", 1),
        lambda: board.subscribe("t"),
        lambda: board.read("count"),
    )

    def run() -> str:
        said = [refused(use) for use in uses]
        assert not board.connected
        board.close()
        return "|".join(said)

    said = child(run).split("|")
    assert len(said) == 5 and all("connect anew in the child" in text for text in said)
    assert board.call("echo", 1) == [[1], {}]


def test_a_child_that_lets_go_of_everything_does_its_parent_no_harm(board: picolink.Board) -> None:
    readings = board.readings("count")
    feed = board.subscribe("count")
    stream = board.stream("numbers")
    called = board.subscribe("count", lambda reading: None)
    first = next(readings).seq, next(stream)
    assert first[1] == 0

    def run() -> str:
        nonlocal readings, feed
        readings.close()  # type: ignore[attr-defined]
        feed.close()
        called.close()
        stream.close()
        with pytest.raises(StopIteration):
            next(stream)
        del readings, feed
        gc.collect()
        board.close()
        return "left"

    for _ in range(3):
        assert child(run) == "left"
    for number in range(5):  # each runs, and once
        assert board.call("echo", number, timeout_s=5) == [[number], {}]
    assert board.call("all_ran") == [[number] for number in range(5)]
    assert [next(stream) for _ in range(999)] == list(range(1, 1000))
    later = [next(readings) for _ in range(20)]
    assert all(reading.missed == 0 for reading in later) and later[0].seq == first[0] + 1
    assert next(feed).value >= 0


def test_a_child_connects_anew(board: picolink.Board, serving: Served) -> None:
    def run() -> str:
        with picolink.connect(serving.at) as own:
            return str(own.call("echo", "child"))

    assert child(run) == "[['child'], {}]"
    assert board.call("echo", 1) == [[1], {}]


def test_a_child_of_an_asyncio_program(serving: Served) -> None:
    async def main() -> None:
        async with picolink.aio.connect(serving.at) as board:
            subscription = await board.subscribe("count")
            await anext(subscription)

            def step(awaited: Any) -> str:
                """An await that nothing holds up."""
                try:
                    awaited.send(None)
                except StopIteration as end:
                    return str(end.value)
                except UsageError as error:
                    return str(error)
                return "waits"

            def run() -> str:
                said = [refused(lambda: board.publish("t", 1)), step(board.call("echo", 0))]
                subscription.close()
                step(board.close())
                return "|".join(said)

            for _ in range(3):
                said = (await asyncio.to_thread(child, run)).split("|")
                assert len(said) == 2
                assert all("connect anew in the child" in text for text in said), said
            assert [await board.call("echo", i, timeout_s=5) for i in range(3)]
            assert await board.call("all_ran") == [[0], [1], [2]]
            await anext(subscription)

    asyncio.run(main())


def test_a_child_is_held_up_by_no_thread_of_its_parent(board: picolink.Board) -> None:
    feed = board.subscribe("door")
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with board._client.host.lock, board._client.host._pipe:
            held.set()
            go_on.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(5)

    def run() -> str:
        feed.close()
        board._client.host.wake()
        return "left"

    said = child(run)
    go_on.set()
    thread.join()
    assert said == "left"
