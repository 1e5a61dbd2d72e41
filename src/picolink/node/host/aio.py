"""The same API for asyncio programs on a host: `async with picolink.aio.connect(...) as board`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Generator
from typing import Any

from ...core.errors import PicolinkError, UnknownCommand
from ...core.session import Session
from ...core.timing import TIMES
from ...links.host.user_address import normalise
from ..client.peer import Peer
from ..client.reading import Reading
from ..client.subscription import Arrivals, Subscription, begin
from ..closing import stop
from ..invoke import guarded
from ..node import Node
from ..opening import start
from .identity import host_name
from .leaving import LONGEST_MS, under_way
from .limits import check_limits
from .unknown import HINT_S, no_command, unknown

__all__ = ["Board", "connect"]

_LOOK_S = 0.005  # whether what was published has arrived


class _Lasting(Arrivals):
    """A subscription that begins again when the board was restarted."""

    def __init__(self, board: Board, session: Session, topic: str, queue: str) -> None:
        super().__init__(board.node, session)
        self._board = board
        self._what = (topic, queue)
        self.latest = queue == "latest"
        self.renew(session)
        board.feeds.append(self)

    def renew(self, session: Session) -> None:
        """Subscribes in this session."""
        self.session = session
        self.owed = 0
        self.call = begin(self.node, session, *self._what, self.take)

    def close(self) -> None:
        """Ends it; nothing more comes."""
        if self in self._board.feeds:
            self._board.feeds.remove(self)
        super().close()


class Board(Peer):
    """A connected node, for asyncio."""

    _owns_node = False

    def __init__(self, node: Node, address: str) -> None:
        self.feeds: list[_Lasting] = []
        super().__init__(node, address)

    async def _ask(
        self, command: str, args: Any, named: dict[str, Any], timeout_s: float | None
    ) -> tuple[Any, Session]:
        begun_ms = self.node.now_ms()
        try:
            return await super()._ask(command, args, named, timeout_s)
        except UnknownCommand as error:
            error.command = command
            if command.startswith("sys."):
                raise
        left_s = HINT_S
        if timeout_s:
            left_s = min(HINT_S, timeout_s - (self.node.now_ms() - begun_ms) / 1000)
        try:
            told = await self.call("sys.describe", timeout_s=max(left_s, 0.001))
        except PicolinkError:  # it does not describe itself
            told = {}
        raise no_command(command, self.name, told)

    async def read(self, name: str, timeout_s: float | None = None) -> Reading:
        """The present value of a reading."""
        try:
            return await super().read(name, timeout_s)
        except UnknownCommand:
            raise unknown(name, f"{self.name} has no reading {name!r}") from None

    async def subscribe(self, topic: str, queue: str = "all") -> Subscription:
        """What the peer publishes under `topic`, as an async iterator of readings. `queue`:
        "all" keeps some thousand here while we are slow and then 64 there, "latest" only
        the newest."""
        session = await self._connected(self.node.now_ms() + TIMES["call"])
        return Subscription(_Lasting(self, session, topic, queue))

    def on_new_session(self) -> None:
        """The board was restarted: the same subscriptions begin anew."""
        for feed in self.feeds:
            guarded(self.node, feed.renew, self.session)

    async def readings(
        self, name: str, count: int | None = None, seconds: float | None = None,
        queue: str = "all",
    ) -> AsyncIterator[Reading]:  # fmt: skip
        """What is published under `name`, as it comes: `count` of them, or for `seconds`, or for
        ever. `queue`: "all" keeps some thousand here while we are slow and then 64 there,
        "latest" only the newest."""
        seconds = check_limits(count, seconds)
        subscription = await self.subscribe(name, queue)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds if seconds is not None else None
        try:
            while count is None or count > 0:
                if end is not None and loop.time() >= end:
                    return
                try:
                    async with asyncio.timeout_at(end):
                        item = await anext(subscription)
                except (StopAsyncIteration, TimeoutError):
                    return
                yield item
                if count is not None:
                    count -= 1
        finally:
            subscription.close()

    def publish(self, topic: str, value: Any) -> None:
        """Sends `value` to the node if it subscribed to `topic`."""
        if self.failed is not None:
            raise self.failed
        self.node.publish(topic, value)

    async def describe(self) -> dict[str, Any]:
        """What the node is and offers."""
        result: dict[str, Any] = await self.call("sys.describe")
        return result

    async def stats(self) -> dict[str, Any]:
        """What the node counts."""
        result: dict[str, Any] = await self.call("sys.stats")
        return result

    async def close(self) -> None:
        """Ends the session and the link, once what was published is there. Who iterates over a
        subscription comes to its end."""
        for feed in list(self.feeds):
            feed.close()
        end_ms = self.node.now_ms() + LONGEST_MS
        try:
            while self.session is not None and under_way(self.node, self.session):
                if self.node.now_ms() >= end_ms:
                    break
                await asyncio.sleep(_LOOK_S)
        finally:
            await super().close()
            if self._owns_node:
                stop(self.node)


class _Connecting:
    """What `connect` returns: to be awaited, or entered with `async with`."""

    def __init__(self, address: str, timeout_s: float, node: Node | None) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._node = node
        self._board: Board | None = None

    async def _connect(self) -> Board:
        node = self._node or Node(
            f"{host_name()}-{os.getpid() % 10000}",
            max_message_bytes=16 << 20, window_bytes=256 << 10, max_sessions=64,
        )  # fmt: skip
        address = self._address
        if ":" in address:
            address = normalise(address)
        else:  # a name to search for: nodes of this very loop may be among those that answer
            address = await asyncio.to_thread(normalise, address)
        start(node)
        board = Board(node, address)
        board._owns_node = self._node is None
        try:
            await board.ready(self._timeout_s)
        except BaseException:
            await board.close()
            raise
        return board

    def __await__(self) -> Generator[Any, None, Board]:
        return self._connect().__await__()

    async def __aenter__(self) -> Board:
        self._board = await self._connect()
        return self._board

    async def __aexit__(self, *_: object) -> None:
        if self._board is not None:
            await self._board.close()


def connect(address: str, *, timeout_s: float = 10, node: Node | None = None) -> _Connecting:
    """Connects to the node at `address`; `async with` it, or await it and close it yourself.

    `node`: a Node of this event loop whose commands the other side may call.
    """
    return _Connecting(address, timeout_s, node)
