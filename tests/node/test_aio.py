"""The host's API for asyncio, with a virtual board, over USB and over TCP."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import pytest
from virtual_bench import bench

import picolink
from picolink import aio
from picosim import VirtualBoard, World

CPYTHON_ONLY = "virtual boards"


async def eventually(true: Callable[[], Awaitable[bool]], timeout_s: float = 8) -> None:
    """Asks again and again; each question takes a round trip."""
    deadline = time.monotonic() + timeout_s
    while not await true():
        assert time.monotonic() < deadline


async def test_calls_and_values(address: str) -> None:
    async with aio.connect(address, timeout_s=8) as host:
        assert host.name == "bench"
        for value in (None, 1, "é", b"\x00\x01\x1b", [1, b"x"], "y" * 3000):
            assert await host.call("echo", value) == value
        assert await host.call("fan", level=20) == 20


async def test_a_name_that_is_not_there_is_told_as_by_calls_that_wait(address: str) -> None:
    with picolink.connect(address, timeout_s=8) as board:
        expected = []
        for ask in (lambda: board.call("ecko"), lambda: board.call("number"),
                    lambda: board.read("nummer")):  # fmt: skip
            with pytest.raises(picolink.UnknownCommand) as caught:
                ask()
            expected.append((str(caught.value), caught.value.kind, caught.value.command))
    assert [kind for _, kind, _ in expected][:2] == ["mistyped", "is_reading"]
    async with aio.connect(address, timeout_s=8) as host:
        told = []
        for asked in (host.call("ecko"), host.call("number"), host.read("nummer")):
            with pytest.raises(picolink.UnknownCommand) as caught:
                await asked
            told.append((str(caught.value), caught.value.kind, caught.value.command))
    assert told == expected


async def test_connect_can_be_awaited(address: str) -> None:
    host = await aio.connect(address, timeout_s=8)
    try:
        assert await host.call("echo", 1) == 1
    finally:
        await host.close()
    with pytest.raises(picolink.PicolinkError):
        await host.call("echo", 1)


async def test_sixteen_calls_under_way_at_once(address: str) -> None:
    async with aio.connect(address, timeout_s=8) as host:
        for _ in range(3):
            began = time.monotonic()
            results = await asyncio.gather(*(host.call("slow", 300 + i) for i in range(16)))
            assert results == [300 + i for i in range(16)]
            assert time.monotonic() - began < 2
        results = await asyncio.gather(*(host.call("echo", i) for i in range(16)))
        assert results == list(range(16))


async def test_cancelling_the_task_cancels_the_call(address: str) -> None:
    async with aio.connect(address, timeout_s=8) as host:
        begun, cancelled = await host.call("slow_ones")
        task = asyncio.create_task(host.call("slow", 31_000, timeout_s=60))

        async def has_begun() -> bool:
            return bool((await host.call("slow_ones"))[0] == [*begun, 31_000])

        async def was_cancelled() -> bool:
            return bool((await host.call("slow_ones"))[1] == [*cancelled, 31_000])

        await eventually(has_begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(was_cancelled)


async def test_a_call_cancelled_before_it_was_sent_is_never_begun(board: VirtualBoard) -> None:
    async with aio.connect(board.usb_path, timeout_s=8) as host:
        before = await host.call("notes")
        board.unplug()
        try:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(host.call("note", "late"), 0.2)
        finally:
            board.plug()
        assert await host.call("note", "after") == "after"
        assert await host.call("notes") == [*before, "after"]


async def test_an_expired_call_says_how_it_ended(board: VirtualBoard) -> None:
    async with aio.connect(board.usb_path, timeout_s=8) as host:
        with pytest.raises(picolink.Unknown, match="may be done"):
            await host.call("slow", 30_000, timeout_s=0.2)
        board.unplug()
        try:
            with pytest.raises(picolink.NotDone, match="never sent"):
                await host.call("echo", 1, timeout_s=0.2)
        finally:
            board.plug()


async def test_readings_and_streams(address: str) -> None:
    async with aio.connect(address, timeout_s=8) as host:
        five = [r async for r in host.readings("number", count=5)]
        assert [r.value for r in five] == list(range(five[0].value, five[0].value + 5))
        began = time.monotonic()
        some = [r async for r in host.readings("number", seconds=0.3)]
        assert 0.25 < time.monotonic() - began < 1
        assert 2 <= len(some) <= 25
        assert (await host.read("number")).unit == "items"
        assert [i async for i in await host.stream("count", 500)] == list(range(500))


async def test_a_subscription_survives_the_cable(board: VirtualBoard) -> None:
    async with aio.connect(board.usb_path, timeout_s=8) as host:
        feed = await host.subscribe("number")
        got = [await anext(feed)]
        for _ in range(3):
            board.unplug()
            board.plug()
            got += [await anext(feed) for _ in range(20)]
        feed.close()
    assert len(got) + sum(r.missed for r in got) == got[-1].value - got[0].value + 1


async def test_a_subscription_survives_a_reset(world: World) -> None:
    board = bench(world, "reset")
    try:
        async with aio.connect(board.usb_path, timeout_s=8) as host:
            feed = await host.subscribe("number")
            for _ in range(2):
                values = [(await anext(feed)).value for _ in range(5)]
                await asyncio.to_thread(board.reset)
                async with asyncio.timeout(10):
                    while (await anext(feed)).value > values[-1]:
                        pass
            assert await host.call("echo", "again") == "again"
    finally:
        board.kill()


async def test_a_program_that_was_restarted_is_met_again(world: World) -> None:
    """Stopped by Ctrl-C it says goodbye, which is no reason to stay away."""
    board = bench(world, "restart")
    try:
        async with aio.connect(f"tcp:{board.address}", timeout_s=8) as host:
            feed = await host.subscribe("number")
            for _ in range(2):
                assert await host.call("note", 1) == 1
                values = [(await anext(feed)).value for _ in range(5)]
                await asyncio.to_thread(restart, board)
                assert await host.call("notes") == []
                async with asyncio.timeout(10):
                    while (await anext(feed)).value > values[-1]:
                        pass
    finally:
        board.kill()


def restart(board: VirtualBoard) -> None:
    with picolink.connect(board.usb_path, start=True, timeout_s=8) as usb:
        usb.call("echo", 1)


async def test_the_board_calls_the_host(address: str) -> None:
    node = picolink.Node("laptop")

    @node.command
    async def double(value: int) -> int:
        await asyncio.sleep(0)
        return 2 * value

    @node.command
    def refuse(value: str) -> None:
        raise LookupError(f"no {value} here")

    async with aio.connect(address, node=node, timeout_s=8) as host:
        assert await host.call("call_host", "laptop", "double", 21) == 42
        kind, message, traceback = await host.call("call_host", "laptop", "refuse", "lamp")
        assert kind == "RemoteError"
        assert "no lamp here" in message
        assert "in refuse" in traceback


async def test_the_host_publishes(address: str) -> None:
    async with aio.connect(address, timeout_s=8) as host:
        told = await host.subscribe("told")
        assert await host.call("echo", 0) == 0
        for value in range(20):
            host.publish("setpoint", value)
        assert [(await anext(told)).value for _ in range(20)] == list(range(20))


async def test_services(address: str) -> None:
    async with aio.connect(address, timeout_s=8) as host:
        assert (await host.describe())["uid"] == (await host.describe())["uid"] != ""
        assert (await host.stats())["uptime_ms"] > 0
        with pytest.raises(picolink.RemoteError) as caught:
            await host.call("fails", "no water")
        assert "in fails" in caught.value.traceback


async def test_two_boards_in_one_loop(board: VirtualBoard) -> None:
    one, other = board.usb_path, f"tcp:{board.address}"
    async with aio.connect(one, timeout_s=8) as a, aio.connect(other, timeout_s=8) as b:
        values = await asyncio.gather(*((a, b)[i % 2].call("echo", i) for i in range(20)))
        assert values == list(range(20))
        value = os.urandom(50_000)
        assert await asyncio.gather(a.call("echo", value), b.call("echo", value)) == [value] * 2


async def test_nothing_there() -> None:
    with pytest.raises(picolink.CannotConnect, match="nothing listens on port 1"):
        await aio.connect("tcp:127.0.0.1:1", timeout_s=0.5)
    with pytest.raises(picolink.BadAddress, match="scheme"):
        await aio.connect("foo:bar")
