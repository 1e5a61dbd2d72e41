"""Peer: the node at the other end. Connects, and reconnects, by itself."""

import asyncio
import sys

from ..core.dialer import Dialer
from ..core.errors import (
    CannotConnect,
    LinkError,
    NotDone,
    PicolinkError,
    Refused,
    UsageError,
)
from ..core.timing import TIMES
from ..links.registry import open_link, split
from .calls import milliseconds
from .driver import Driver
from .items import Reading, reading
from .subscriber import Arrivals, Subscription, begin, wall_s

MYPY = False
if MYPY:
    from typing import Any

    from ..core.session import Session
    from .node import Node


def peer_at(node: "Node", address: str) -> "Peer":
    """The peer at this address: the one that there is, else a new one."""
    for peer in node.peers:
        if type(peer) is Peer and peer._target == address:
            return peer
    return Peer(node, address)


class Peer:
    """A node that this one calls. Every method may be used before the link is there."""

    def __init__(self, node: "Node", address: str, keep: bool = True) -> None:
        self.node = node
        self._target = address
        if "@" in address or "//" in address:
            from ..links.redact import shown

            address = shown(address)
        self.address = address
        self.session: Session | None = None
        self.why = "not tried yet"  # the last reason why there is no link
        self.failed: PicolinkError | None = None  # why it will not be tried again
        self.refused: PicolinkError | None = None  # what it said last: it is asked again later
        self._met = False  # whether we were ever connected: then one waits until it has room
        self._keep = keep
        self._driver: Driver | None = None
        self._changed = asyncio.Event()
        self._task: Any = None
        if not address:
            raise UsageError("peer(''): an address, or the name of who connects to us")
        self._named = ":" not in address  # the name of whoever connects to us
        split(address)
        if address[:4] == "mqtt" and sys.implementation.name == "micropython":
            from ..links.tls_room import keep as keep_room

            keep_room(address)
        node.peers.append(self)
        node.begin(self._begin)

    def _begin(self) -> None:
        if self._named:
            self.why = "no node of that name has connected to us"
            for session in self.node.endpoint.sessions.values():
                self.on_state(session, "")
        else:
            self.session = self.node.endpoint.new_session(self.node.endpoint.random(8))
            self._task = self.node.spawn(self._connect())

    async def _connect(self) -> None:
        """Opens the link, and opens it again whenever it is lost."""
        wait_ms = TIMES["retry"]
        while self.failed is None:
            try:
                driver = self._served()
                if driver is None:
                    wifi = self.node.wifi
                    address = self._target if wifi is None else wifi.route(self._target)
                    link = await open_link(address, self.node)
                    try:
                        driver = Driver(self.node, link, self._on_lost)
                    except BaseException:
                        link.close()
                        raise
                self._changed.clear()
                self._driver = driver
                self._dial()
            except UsageError as error:
                self.failed = error
                self.why = str(error)
                self._changed.set()
                return
            except Exception as error:  # whatever it is, it is tried again
                self._lose(str(error) or type(error).__name__)
            while self._driver is not None and self._driver in self.node.drivers:
                await self._changed.wait()
                self._changed.clear()
                if self.connected:
                    wait_ms = TIMES["retry"]
            self._driver = None
            if not self._keep:
                return
            await asyncio.sleep(wait_ms / 1000)
            wait_ms = min(2 * wait_ms, TIMES["retry_max"])

    def again(self) -> None:
        """The network is back: where there is no link it is tried now, not after the pause."""
        if self._task is not None and self._driver is None and self.failed is None:
            self._task.cancel()
            self._task = self.node.spawn(self._connect())

    def _served(self) -> Driver | None:
        """The link that the node serves at this address already, where it is a wire for both
        (abilities.Shared)."""
        for driver in self.node.drivers:
            if driver.on_lost is None and getattr(driver.link, "shared", False):
                if driver.opened == "%s:%s" % split(self._target)[:2]:
                    return driver
        return None

    def _dial(self) -> None:
        driver = self._driver
        if driver is not None and self.session is not None:
            try:
                Dialer(self.node.endpoint, driver.port, self.session, self, self.node.now_ms())
            except MemoryError:
                self._lose("no memory to dial it")  # later
                return
            driver.wake()

    # What the core and the driver tell

    def _on_lost(self, why: str) -> None:
        self.why = why
        self._driver = None
        self._changed.set()

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
        if session is self.session:
            if session.attach is not None:
                self.refused = None
                self.why = ""
                self._met = True
            if session.state == "dormant":
                self.why = why
                driver = self._driver
                if driver is not None and driver in self.node.drivers:
                    self._dial()  # the link is there, the peer started anew
            elif session.state == "closed" and self.failed is None:
                self.why = "the program there ended"
                if self._named:
                    self.session = None  # until one of that name connects again
                else:
                    self.on_forgotten(session)
            self._changed.set()

    def _newest(self) -> "Session | None":
        """The latest of those of our name that are connected: an earlier run of its program may
        be so still."""
        newest = None
        for each in self.node.endpoint.sessions.values():
            if each.peer_name == self.address and each.attach is not None:
                if newest is None or each.since_ms > newest.since_ms:
                    newest = each
        return newest

    def _leave(self, session: "Session | None") -> None:
        """Another program of our name is the newest. What was asked of one that is away is over:
        mostly it was the same program, which was killed and has begun anew."""
        if session is None or session.attach is not None or session.data.calls is None:
            return
        calls = session.data.calls
        for call in list(calls.open.values()):
            if call.named:
                calls.give_up(call, "%s was restarted, or is another program now" % self.address)

    def on_refused(self, session: "Session", why: str) -> None:
        """The other side does not want us, now: it may have room later."""
        self.refused = Refused("%s refused: %s" % (self.address, why))
        self._lose("refused: " + why)

    def on_forgotten(self, session: "Session") -> None:
        """The peer was restarted: a new session begins."""
        if session is not self.session:
            return  # it has begun already
        self.session = self.node.endpoint.new_session(self.node.endpoint.random(8))
        self._dial()

    def on_silence(self, session: "Session") -> None:
        """Nobody answers hellos: the link is opened anew."""
        self._lose("nobody answers on %s" % self.address)

    def _lose(self, why: str) -> None:
        driver = self._driver
        self._driver = None
        if driver is not None and driver.on_lost is not None:  # else the node serves it
            driver.lost(why)
        self.why = why
        self._changed.set()

    # What users call

    async def ready(self, timeout_s: float = 10) -> "Peer":
        """Waits until the peer is connected; CannotConnect with the reason if it is not in time."""
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
    def connected(self) -> bool:
        """Whether there is a link to it at present."""
        return self.session is not None and self.session.attach is not None

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
        self._keep = False
        self.failed = LinkError("the connection was closed here")
        if self.session is not None:
            self.node.endpoint.close(self.session, self.node.now_ms())
        driver = self._driver
        if driver is not None:
            driver.drain()
            self._lose("closed here")
        if self._task is not None:
            self._task.cancel()
        if self in self.node.peers:
            self.node.peers.remove(self)
