"""`node.peer("laptop")`: whoever of that name connected last."""

from __future__ import annotations

import asyncio

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
            before = serving.do(lambda: first._line.session.attach)
            first._line._driver.link.close()  # type: ignore[union-attr]
            until(lambda: first.connected and first._line.session.attach is not before)
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
