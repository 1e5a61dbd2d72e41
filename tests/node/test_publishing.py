"""What a blocking program publishes: soon there, and many small items in one message."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from served_node import Served, fixtures, until

import picolink

CPYTHON_ONLY = "threads of a host"

got: list[Any] = []
may_go_on = threading.Event()


def take(reading: Any) -> None:
    assert may_go_on.wait(60)
    got.append(reading.value)


serving, board = fixtures(lambda node: node.subscribe("sink")(take))


@pytest.fixture(autouse=True)
def subscribed(serving: Served, board: picolink.Board) -> None:
    may_go_on.set()
    got.clear()
    until(lambda: board._client.node.topics.get("sink"))


def messages(board: picolink.Board) -> int:
    (outgoing,) = board._client.node.topics["sink"]
    return outgoing.messages


def test_many_small_items_share_messages(board: picolink.Board) -> None:
    for number in range(2000):
        board.publish("sink", number, wait_s=5)
    until(lambda: len(got) == 2000)
    assert got == list(range(2000))
    assert messages(board) < 200


def test_what_is_published_behind_another_item_comes_soon_too(board: picolink.Board) -> None:
    """Not with the next sign of life, which is seconds away."""
    for number in range(20):
        board.publish("sink", number)
        board.publish("sink", -number)
        until(lambda number=number: len(got) == 2 * number + 2, 2)


def test_threads_that_wait_for_room_push_nothing_out(board: picolink.Board) -> None:
    def publish(thread: int) -> None:
        for number in range(300):
            board.publish("sink", [thread, number], wait_s=30)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(got) == 8 * 300, 10)
    for thread_number in range(8):
        mine = [number for thread, number in got if thread == thread_number]
        assert mine == list(range(300))


def test_who_waits_for_room_waits_no_longer_than_he_said(board: picolink.Board) -> None:
    may_go_on.clear()
    try:
        for number in range(200):
            board.publish("sink", number, wait_s=0.01)
    finally:
        may_go_on.set()
    until(lambda: got[-1:] == [199], 10)
    assert 100 < len(got) < 200  # what there was room for; of the others the newest
    assert got == sorted(got)


@pytest.mark.parametrize("sizes", [(0, 2000), (2000, 2000), (0, 8000), (9000, 1, 500)])
def test_whatever_their_sizes_none_pushes_another_out(
    board: picolink.Board, sizes: tuple[int, ...]
) -> None:
    """Room is what the item that waits needs, and not what the oldest one there had."""
    for number in range(300):
        board.publish("sink", [number, "x" * sizes[number % len(sizes)]], wait_s=30)
    until(lambda: len(got) == 300, 20)
    assert [number for number, _ in got] == list(range(300))


def test_what_is_published_before_it_closes_gets_there(serving: Served) -> None:
    for turn in range(10):
        got.clear()
        with picolink.connect(serving.at) as board:
            until(lambda board=board: board._client.node.topics.get("sink"))
            for number in range(20):
                board.publish("sink", [turn, number])
        until(lambda: len(got) == 20)
        assert got == [[turn, number] for number in range(20)]


def test_closing_waits_for_nobody_who_takes_nothing(serving: Served) -> None:
    board = picolink.connect(serving.at)
    until(lambda: board._client.node.topics.get("sink"))
    (outgoing,) = board._client.node.topics["sink"]
    outgoing.credit = 0  # it reads nothing
    board.publish("sink", 1)
    board.close()
    assert not got and outgoing.queue


def test_a_ctrl_c_while_it_waits_closes_it_all_the_same(serving: Served) -> None:
    board = picolink.connect(serving.at)
    until(lambda: board._client.node.topics.get("sink"))
    (outgoing,) = board._client.node.topics["sink"]
    outgoing.credit = 0
    board.publish("sink", 1)

    def wait(*_: Any) -> bool:
        raise KeyboardInterrupt

    board._client.wait = wait  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        board.close()
    assert not board.connected and not board._client._thread.is_alive()  # type: ignore[union-attr]


async def test_who_stops_waiting_for_a_close_has_closed_it_all_the_same(serving: Served) -> None:
    board = await picolink.aio.connect(serving.at)
    await board.call("sys.stats")
    (outgoing,) = board.node.topics["sink"]
    outgoing.credit = 0
    board.publish("sink", 1)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(board.close(), 0.05)
    assert not board.connected and board.node.host is None


def test_an_asyncio_program_that_closes_leaves_nothing_behind(serving: Served) -> None:
    async def main() -> None:
        async with picolink.aio.connect(serving.at) as board:
            await board.call("sys.stats")
            for number in range(20):
                board.publish("sink", number)

    asyncio.run(main())
    until(lambda: len(got) == 20)
    assert got == list(range(20))


@pytest.mark.parametrize("wait_s", [-1, float("nan"), float("inf"), "1", None, []])
def test_a_wait_that_is_no_number_of_seconds_is_refused(board: picolink.Board, wait_s: Any) -> None:
    with pytest.raises(picolink.UsageError, match="wait_s="):
        board.publish("sink", 1, wait_s=wait_s)
    board.publish("sink", 2, wait_s=0.5)
    until(lambda: got == [2])
