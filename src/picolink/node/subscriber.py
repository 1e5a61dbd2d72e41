"""Subscriptions of this node (`Node.subscribe`, `Peer.subscribe`, `Peer.stream`)."""

from asyncio import Event

from ..core.errors import Busy, CallError, UsageError
from ..core.timing import TIMES
from .after import after
from .calls import Items
from .invoke import NONE, call
from .items import Counter, readings

try:
    from time import time as _wall

    if _wall() < 1_700_000_000:  # a board whose clock was never set, or starts in 2000
        _wall = None  # type: ignore[assignment]
except ImportError:
    _wall = None  # type: ignore[assignment]

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ..core.session import Session
    from .calls import Call
    from .items import Reading
    from .node import Node

_LATEST_ITEMS = 2  # on their way to us at most; of the others, one per so many bytes of window
_ITEM_BYTES = 64


def wall_s() -> float:
    """The time of day, seconds since 1970, or 0 where it is not known."""
    return _wall() if _wall is not None else 0


def begin(
    node: "Node", session: "Session", topic: str, queue: str,
    take: "Callable[[Call, list[Reading]], object]",
) -> "Call":  # fmt: skip
    """Subscribes to `topic` of the peer: `take` gets the call and the readings as they come."""
    _check_queue(queue)
    every = queue == "all"
    window = node.endpoint.window_bytes // _ITEM_BYTES if every else _LATEST_ITEMS
    counter = Counter()
    calls = session.data.caller()

    def on_items(seq: int, values: "list[Any]") -> None:
        take(subscription, readings(session, items, counter, seq, values, node.now_ms(), wall_s()))

    items = Items(window, on_items)
    limit = 64 if every else 1
    items.granted = items.window
    what = (topic, limit, items.window)
    subscription: Call = calls.start("sys.subscribe", what, {}, 0, node.now_ms(), items)
    node.kick(session)
    return subscription


def _check_queue(queue: str) -> None:
    if queue not in ("all", "latest"):
        raise UsageError('queue=%r: "all" or "latest"' % (queue,))


def everywhere(node: "Node", topic: str, queue: str, function: "Any") -> "Any":
    """Calls `function` with every reading of `topic` that any peer publishes, now or later."""
    _check_queue(queue)

    def meet(session: "Session") -> None:
        met = session.data.subscribed
        if meet in met:
            return  # the session goes on after a reconnect
        met.append(meet)

        def taken(of: "Call", value: "Any", error: BaseException | None) -> None:
            # Room is given back whatever became of it: the next ones are to come.
            session.data.caller().grant(of, 1)
            node.kick(session)
            if error is not None:
                node.report(error)

        def take(of: "Call", batch: "list[Reading]") -> None:
            for reading in batch:
                call(node, function, (reading,), NONE, taken, of)

        def again() -> None:
            if session.data.calls is not None and session.data.calls.closed is not None:
                return
            try:
                made = begin(node, session, topic, queue, take)
            except (Busy, MemoryError):  # too much waits to be sent
                after(node, TIMES["retry_max"], again)
                return

            def ended() -> None:
                # There was no memory for an item, or no place for one more subscription.
                if isinstance(made.error, (CallError, Busy)):
                    after(node, TIMES["retry_max"], again)

            made.on_end = ended

        again()

    node.on_meet.append(meet)
    return function


class Subscription:
    """What comes, one by one: `async for reading in subscription`. `close` ends it."""

    def __init__(self, node: "Node", session: "Session") -> None:
        self._node = node
        self._session = session
        self._queue: list[Any] = []
        self._event = Event()
        self.call: Call | None = None

    def take(self, call: "Call", batch: "list[Any]") -> None:
        """Takes what has come."""
        self._queue.extend(batch)
        self._event.set()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> "Any":
        while not self._queue:
            assert self.call is not None
            if self.call.done:
                self.call.result()
                raise StopAsyncIteration
            self._event.clear()
            self.call.on_end = self._event.set
            await self._event.wait()
        self._session.data.caller().grant(self.call, 1)
        self._node.kick(self._session)
        return self._queue.pop(0)

    def close(self) -> None:
        """Ends it; nothing more comes."""
        if self.call is not None and not self.call.done:
            try:
                self._session.data.caller().cancel(self.call)
            finally:
                self.call.end(None)
            self._node.kick(self._session)
