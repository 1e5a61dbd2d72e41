"""Peer: the node at the other end. Connects, and reconnects, by itself."""

import asyncio
import sys

from ...core.errors import CannotConnect, NotDone, UsageError
from ...core.timing import TIMES
from ...links.registry import open_link, split
from .calls import milliseconds
from .dial import Dial
from .reading import Reading, reading
from .subscription import Arrivals, Subscription, begin, wall_s

MYPY = False
if MYPY:
    from typing import Any

    from ...core.session import Session
    from ..driver import Driver
    from ..node import Node


def peer_at(node: "Node", address: str) -> "Peer":
    """The peer at this address: the one that there is, else a new one."""
    for peer in node.peers:
        if type(peer) is Peer and peer._target == address:
            return peer
    return Peer(node, address)


class Peer(Dial):
    """A node that this one calls. Every method may be used before the link is there."""

    def __init__(self, node: "Node", address: str) -> None:
        if not address:
            raise UsageError("peer(''): an address, or the name of who connects to us")
        self._named = ":" not in address  # the name of whoever connects to us
        split(address)
        super().__init__(node, address)
        self._changed = asyncio.Event()
        self._task: Any = None
        if address[:4] == "mqtt" and sys.implementation.name == "micropython":
            from ...links.tls_room import keep

            keep(address)
        node.peers.append(self)
        node.begin(self._begin)

    def _begin(self) -> None:
        if self._named:
            self.why = "no node of that name has connected to us"
            for session in self.node.endpoint.sessions.values():
                self.on_state(session, "")
        else:
            self.new_session()
            self._task = self.node.spawn(self._connect())

    async def _connect(self) -> None:
        """Opens the link, and opens it again whenever it is lost."""
        while self.failed is None:
            driver = self._driver
            if driver is not None and driver not in self.node.drivers:
                self.on_lost(driver, self.why)  # one that the node served
            due_ms = self.next_ms()
            if due_ms is None:
                await self._changed.wait()
                self._changed.clear()
                continue
            left_ms = due_ms - self.node.now_ms()
            if left_ms > 0:
                await asyncio.sleep(left_ms / 1000)
            try:
                driver = self._served()
                if driver is not None:
                    self.greet(driver)
                    continue
                wifi = self.node.wifi
                address = self._target if wifi is None else wifi.route(self._target)
                self.greet_on(await open_link(address, self.node))
            except Exception as error:  # whatever it is, it is tried again
                self.not_opened(error)

    def on_change(self) -> None:
        """Wakes whoever waits."""
        self._changed.set()

    def again(self) -> None:
        """The network is back: where there is no link it is tried now, not after the pause."""
        if self._task is not None and self.next_ms() is not None:
            self._task.cancel()
            self._due_ms = self.node.now_ms()
            self._task = self.node.spawn(self._connect())

    def _served(self) -> "Driver | None":
        """The link that the node serves at this address already, where it is a wire for both
        (abilities.Shared)."""
        for driver in self.node.drivers:
            if driver.on_lost is None and getattr(driver.link, "shared", False):
                if driver.opened == "%s:%s" % split(self._target)[:2]:
                    return driver
        return None

    # Of a peer by its name, which connects to us

    def on_state(self, session: "Session", why: str) -> None:
        """A session of the node has changed."""
        if self._named:
            newest = self._newest()
            if newest is not None and newest is not self.session:
                self._leave(self.session)
                self.session = newest
                self._changed.set()
            elif session is not self.session and session.peer_name == self.address:
                self._leave(session)
        super().on_state(session, why)

    def on_forgotten(self, session: "Session") -> None:
        """The peer was restarted. One by address gets a new session; one by name has none until it
        connects again."""
        if not self._named:
            super().on_forgotten(session)
        elif session is self.session:
            self.session = None  # until one of that name connects again

    def _newest(self) -> "Session | None":
        """The newest connected session of a node of that name; that of an earlier run of its
        program may be connected still."""
        newest = None
        for each in self.node.endpoint.sessions.values():
            if each.peer_name == self.address and each.attach is not None:
                if newest is None or each.since_ms > newest.since_ms:
                    newest = each
        return newest

    def _leave(self, session: "Session | None") -> None:
        """Another program has this peer's name now. Calls to one that is away are given up:
        mostly it was the same program, restarted."""
        if session is None or session.attach is not None or session.data.calls is None:
            return
        calls = session.data.calls
        for call in list(calls.open.values()):
            if call.named:
                calls.give_up(call, "%s was restarted, or is another program now" % self.address)

    # What users call

    async def ready(self, timeout_s: float = 10) -> "Peer":
        """Waits until the peer is connected. Raises CannotConnect after `timeout_s`, and at once
        Refused, or the error that ended the connection."""
        await self._connected(self.node.now_ms() + int(timeout_s * 1000))
        return self

    async def _connected(self, deadline_ms: int | None) -> "Session":
        while self.session is None or self.session.attach is None:
            if self.failed is not None:
                raise self.failed
            if self.refused is not None and not self._met:
                raise self.refused
            left_ms = TIMES["dead"]
            if deadline_ms is not None:
                left_ms = deadline_ms - self.node.now_ms()
            if left_ms <= 0:
                raise CannotConnect("no connection to %s: %s" % (self.address, self.why))
            try:
                await asyncio.wait_for(self._changed.wait(), left_ms / 1000)
            except asyncio.TimeoutError:
                pass
            if self.session is None or self.session.attach is None:
                self._changed.clear()
        return self.session

    @property
    def name(self) -> str:
        """The peer's own name, "" before it was first connected."""
        return self.session.peer_name if self.session is not None else ""

    async def call(
        _self, _command: str, *args: "Any", timeout_s: float | None = None, **named: "Any"
    ) -> "Any":
        """Runs a command at the peer and gives its result. Waits for the link if there is none.

        Raises NotDone or Unknown where it was not confirmed within `timeout_s` (10 by default;
        0: for ever), RemoteError where it raised there. `call_with` takes arguments of any name.
        """
        # Not `self`: an argument may have that name, and a board knows no `/`.
        return (await _self._ask(_command, args, named, timeout_s))[0]

    async def call_with(
        self, command: str, args: "Any" = (), named: "dict[str, Any] | None" = None,
        timeout_s: float | None = None,
    ) -> "Any":  # fmt: skip
        """The same with a list of arguments and a map of named ones."""
        return (await self._ask(command, args, named or {}, timeout_s))[0]

    async def _ask(
        self, command: str, args: "Any", named: "dict[str, Any]", timeout_s: float | None
    ) -> "tuple[Any, Session]":  # fmt: skip
        """What a command gives, and the session that brought it."""
        timeout_ms = milliseconds(timeout_s)
        wait_ms = TIMES["call"] if timeout_ms is None else timeout_ms
        deadline_ms = self.node.now_ms() + wait_ms if wait_ms else None
        while True:
            session = self.session
            if self.failed is not None:
                raise self.failed
            if session is None or not session.peer_uid:
                try:
                    session = await self._connected(deadline_ms)
                except CannotConnect as error:
                    raise NotDone("%s was not sent: %s" % (command, error)) from None
            calls = session.data.calls or session.data.caller()
            call = calls.start(
                command, args, named, timeout_ms, self.node.now_ms(), None, deadline_ms
            )
            call.named = self._named
            if call.deadline_ms is not None:
                self.node.host.call_by(call.deadline_ms)
            event = asyncio.Event()
            call.on_end = event.set
            if session.attach is not None:
                session.attach.port.drain()
            try:
                while not call.done:
                    await event.wait()
            finally:
                if not call.done:
                    calls.cancel(call)
                    self.node.kick(session)
            if not isinstance(call.error, NotDone) or self.session is session:
                return call.result(), session
            if deadline_ms is not None and self.node.now_ms() >= deadline_ms:
                return call.result(), session
            # The peer was restarted before the call was sent: it goes to the new session.

    async def read(self, name: str, timeout_s: float | None = None) -> "Reading":
        """The present value of a reading."""
        item, session = await self._ask("sys.read", (name,), {}, timeout_s)
        return reading(session, item, 0, 0, self.node.now_ms(), wall_s())

    async def subscribe(self, topic: str, queue: str = "all") -> Subscription:
        """What the peer publishes under `topic`, as an async iterator of readings. `queue`:
        "all" keeps what comes while we are slow (docs/api.md), "latest" only the newest."""
        session = await self._connected(self.node.now_ms() + TIMES["call"])
        arrivals = Arrivals(self.node, session)
        arrivals.latest = queue == "latest"
        arrivals.call = begin(self.node, session, topic, queue, arrivals.take)
        arrivals.call.named = self._named
        return Subscription(arrivals)

    async def stream(self, command: str, *args: "Any", **named: "Any") -> Subscription:
        """The items of a streaming command, as an async iterator."""
        from .calls import Items

        session = await self._connected(self.node.now_ms() + TIMES["call"])
        arrivals = Arrivals(self.node, session)

        def on_items(seq: int, values: "list[Any]") -> None:
            arrivals.queue.extend(values)
            arrivals.event.set()

        calls = session.data.caller()
        items = Items(64, on_items)
        arrivals.call = calls.start(command, args, named, 0, self.node.now_ms(), items)
        arrivals.call.named = self._named
        self.node.kick(session)
        return Subscription(arrivals)

    async def close(self) -> None:
        """Ends the session and the link."""
        self.end()
        if self._task is not None:
            self._task.cancel()
        if self in self.node.peers:
            self.node.peers.remove(self)
