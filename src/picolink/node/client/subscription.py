"""Subscriptions of this node (`Node.subscribe`, `Peer.subscribe`, `Peer.stream`)."""

from asyncio import Event

from ...core.errors import Busy, CallError, UsageError
from ...core.timing import TIMES
from ..after import after
from ..invoke import NONE, call, end, passes
from .calls import Items
from .reading import Counter, readings

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

    from ...core.session import Session
    from ..node import Node
    from .calls import Call
    from .reading import Reading

_LATEST_ITEMS = 1  # on its way to us at most; of the others, one per so many bytes of window
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
    if not isinstance(topic, str) or not topic:
        raise UsageError("topic=%r: it is the name of what is published" % (topic,))
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
        done = 0  # of which the room was not given back
        late = True  # it is no batch at present: what ends now was begun before

        def taken(of: "Call", value: "Any", error: BaseException | None) -> None:
            nonlocal done
            done += 1  # whatever became of it: the next ones are to come
            if late:
                give(of)
            if error is not None:
                node.report(error)

        def give(of: "Call") -> None:
            nonlocal done
            given, done = done, 0
            session.data.calls.grant(of, given)
            node.kick(session)

        def take(of: "Call", batch: "list[Reading]") -> None:
            nonlocal late, done
            late = False
            well = _each(node, function, batch, taken, of)
            done += well
            late = True
            give(of)

        def over() -> bool:
            return session.data.calls is not None and session.data.calls.closed is not None

        def again() -> None:
            if over():
                return
            try:
                made = begin(node, session, topic, queue, take)
            except (Busy, MemoryError):  # too much waits to be sent
                after(node, TIMES["retry_max"], again)
                return

            def ended() -> None:
                if over():  # a timer would keep all of the session
                    return
                # There was no memory for an item, or no place for one more subscription.
                if isinstance(made.error, (CallError, Busy)):
                    after(node, TIMES["retry_max"], again)
                elif made.error is not None:
                    node.report(made.error)

            made.on_end = ended

        met.append(meet)
        again()

    node.on_meet.append(meet)
    return function


def _each(
    node: "Node", function: "Callable[..., Any]", items: "list[Any]", done: "Any", what: "Any"
) -> int:
    """Hands `items` to a user's function one by one, by the rules of `invoke.call`. `done` is not
    told of those for which it returned at once, without a value: their number is returned."""
    over = 0
    aside = node.aside
    for item in items:
        if aside is not None:
            call(node, function, (item,), NONE, done, what)
            continue
        try:
            value = function(item)
        except BaseException as error:
            if passes(error):
                raise
            end(node, done, what, None, error)
            continue
        if value is None:
            over += 1
        else:  # mostly a coroutine
            call(node, _same, (value,), NONE, done, what)
    return over


def _same(value: "Any") -> "Any":
    return value


class Arrivals:
    """What has come and nobody has taken yet. The call knows this, and not the Subscription that
    the program has: so one is noticed that no program has any more."""

    latest = False  # the newest is asked for when somebody wants it, and not ahead

    def __init__(self, node: "Node", session: "Session") -> None:
        self.node = node
        self.session = session
        self.queue: list[Any] = []
        self.owed = 0  # taken, and the room of it not given back
        self.event = Event()
        self.call: Call | None = None

    def take(self, call: "Call", batch: "list[Any]") -> None:
        """Takes what has come."""
        self.queue.extend(batch)
        self.event.set()

    def grant(self) -> None:
        """Gives the room back of what was taken."""
        owed, self.owed = self.owed, 0
        assert self.call is not None
        self.session.data.calls.grant(self.call, owed)
        self.node.kick(self.session)

    def close(self) -> None:
        """Ends it; nothing more comes, also of what is here already."""
        self.queue = []
        if self.call is not None and not self.call.done:
            self.session.data.caller().abandon(self.call)
            self.node.kick(self.session)


class Subscription:
    """What comes, one by one: `async for reading in subscription`. `close` ends it, and so does
    letting go of it on a host."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals

    @property
    def call(self) -> "Call | None":
        """The call that brings it: `done` once nothing more will come."""
        return self._arrivals.call

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> "Any":
        arrivals = self._arrivals
        if arrivals.owed:
            arrivals.grant()
        while not arrivals.queue:
            call = arrivals.call
            assert call is not None
            if call.done:
                call.result()
                raise StopAsyncIteration
            arrivals.event.clear()
            call.on_end = arrivals.event.set
            await arrivals.event.wait()
        arrivals.owed += 1
        if not arrivals.latest:
            arrivals.grant()
        return arrivals.queue.pop(0)

    def close(self) -> None:
        """Ends it; nothing more comes."""
        self._arrivals.close()

    def __del__(self) -> None:  # a board has none
        call = self._arrivals.call
        if call is not None and not call.done:
            self._arrivals.node.later.append(self._arrivals.close)
