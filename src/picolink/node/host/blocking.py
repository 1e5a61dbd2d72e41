"""The same API without asyncio: calls that wait (CPython only). Which thread drives the link, and
which runs callbacks: see `threaded_client`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...core.errors import (
    Busy,
    CallError,
    NotDone,
    PicolinkError,
    UnknownCommand,
    UsageError,
)
from ...core.session import Session
from ...core.timing import TIMES
from ..after import after
from ..client.calls import Call, Calls, Items, milliseconds
from ..client.reading import Reading, reading
from ..client.subscription import begin, wall_s
from ..node import Node
from ..outgoing import Outgoing, item_of
from ..publishing import put_item
from . import signals
from .feed import Feed, Intake, forget_forsaken
from .lead import EVER
from .limits import check_limits
from .moving import move
from .threaded_client import ThreadedClient
from .unknown import HINT_S, no_command, unknown

_LONGEST_S = 1e6


class Board:
    """A connected node, with calls that wait. Every method may be used from any thread."""

    def __init__(self, client: ThreadedClient) -> None:
        self._client = client

    @property
    def node(self) -> Node:
        """This side: a Node whose commands the other side may call."""
        return self._client.node

    @property
    def address(self) -> str:
        """The address that it is connected over."""
        return self._client.address

    @property
    def name(self) -> str:
        """The node's own name."""
        return self._client.session.peer_name

    @property
    def uid(self) -> str:
        """The node's identity, in hexadecimal digits."""
        return self._client.session.peer_uid.hex()

    @property
    def why(self) -> str:
        """Why there is no link at present, or the reason of the last time there was none."""
        return self._client.why

    @property
    def connected(self) -> bool:
        """Whether there is a link to it at present."""
        return self._client.connected

    def _start(
        self, command: str, args: Any, named: dict[str, Any], timeout_ms: int | None,
        deadline_ms: int | None = None,
    ) -> tuple[Calls, Call]:  # fmt: skip
        client = self._usable()
        with client.host.lock:
            calls = client.calls()
            call = calls.start(
                command, args, named, timeout_ms, client.node.now_ms(), None, deadline_ms
            )
            if call.deadline_ms is not None:
                client.host.call_by(call.deadline_ms)
            client.send()
        return calls, call

    def _usable(self) -> ThreadedClient:
        """The client, before anything is said on it."""
        client = self._client
        if client.failed is not None:
            raise client.failed
        signals.protect(client.host.lock)
        return client

    def call(
        self, command: str, /, *args: Any, timeout_s: float | None = None, **named: Any
    ) -> Any:
        """Runs a command at the node and gives its result. Waits for the link if there is none.

        Raises NotDone or Unknown where it was not confirmed within `timeout_s` (10 by default;
        0: for ever), RemoteError where it raised there, Busy where too much is under way.
        `call_with` takes arguments of any name.
        """
        return self._ask(command, args, named, timeout_s)[0]

    def call_with(
        self, command: str, args: Sequence[Any] = (), named: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Any:  # fmt: skip
        """The same with a list of arguments and a map of named ones."""
        if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
            raise UsageError(f"args={args!r}: a list of arguments")
        if named is not None and not isinstance(named, Mapping):
            raise UsageError(f"named={named!r}: a map of name and argument")
        return self._ask(command, args, dict(named or {}), timeout_s)[0]

    def _ask(
        self, command: str, args: Sequence[Any], named: dict[str, Any], timeout_s: float | None
    ) -> tuple[Any, Session]:  # fmt: skip
        """What a command gives, and the session that brought it."""
        client = self._client
        timeout_ms = milliseconds(timeout_s)
        deadline_ms = None  # of the first try
        while True:
            session = client.session
            calls, call = self._start(command, args, named, timeout_ms, deadline_ms)
            deadline_ms = call.deadline_ms
            try:
                due_ms = EVER if deadline_ms is None else deadline_ms
                client.wait(lambda call=call: call.done, EVER, due_ms)  # type: ignore[misc]
            finally:
                if not call.done:  # it was interrupted, or the connection closed
                    with client.host.lock:
                        calls.give_up(call, "it was given up here")
                        client.send()
            error = call.error
            if error is None:
                return call.value, session
            if isinstance(error, UnknownCommand):
                error.command = command
            if isinstance(error, UnknownCommand) and not command.startswith("sys."):
                left_s = HINT_S
                if deadline_ms is not None:
                    left_s = min(HINT_S, (deadline_ms - client.node.now_ms()) / 1000)
                raise self._unknown(command, left_s)
            if not isinstance(error, NotDone) or client.session is session:
                raise error
            if deadline_ms is not None and client.node.now_ms() >= deadline_ms:
                raise error
            # The board was restarted before the call was sent: it goes to the new session.

    def _unknown(self, name: str, timeout_s: float) -> UnknownCommand:
        """The error for a command that is not there, with what may have been meant."""
        try:
            told = self.call("sys.describe", timeout_s=max(timeout_s, 0.001))
        except PicolinkError:  # it does not describe itself
            told = {}
        return no_command(name, self.name, told)

    def read(self, name: str, timeout_s: float | None = None) -> Reading:
        """The present value of a reading."""
        try:
            item, session = self._ask("sys.read", (name,), {}, timeout_s)
        except UnknownCommand:
            raise unknown(name, f"{self.name} has no reading {name!r}") from None
        return reading(session, item, 0, 0, self._client.node.now_ms(), wall_s())

    def stream(self, command: str, /, *args: Any, **named: Any) -> Feed:
        """The items of a streaming command, one by one; none is missed."""
        client = self._usable()
        intake = Intake(client, True)
        feed = Feed(intake)  # before it begins: a signal's handler may raise at any moment
        items = Items(64, lambda seq, values: intake.queue.extend(values))
        with client.host.lock:
            forget_forsaken(client)
            calls = client.calls()
            intake.call = calls.start(command, args, named, 0, client.node.now_ms(), items)
            client.send()
        return feed

    def readings(
        self, name: str, count: int | None = None, seconds: float | None = None,
        queue: str = "all",
    ) -> Iterator[Reading]:  # fmt: skip
        """What is published under `name`, as it comes: `count` of them, or for `seconds`, or for
        ever. `queue`: "all" keeps some thousand here while we are slow and then 64 there, "latest"
        only the newest."""
        seconds = check_limits(count, seconds)
        feed = self.subscribe(name, queue=queue)
        if seconds is not None:
            feed.deadline_ms = self._client.node.now_ms() + int(seconds * 1000)
        try:
            while count is None or count > 0:
                try:
                    yield next(feed)
                except StopIteration:
                    return
                if count is not None:
                    count -= 1
        finally:
            feed.close()

    def subscribe(
        self, topic: str, callback: Callable[[Reading], object] | None = None,
        queue: str = "all",
    ) -> Feed:  # fmt: skip
        """What is published under `topic`: `callback` gets each reading, in the thread for
        callbacks; without one, iterate over what is returned. `close()` ends it."""
        if callback is not None and not callable(callback):
            raise UsageError(f"callback={callback!r}: it is a function that takes a reading")
        client = self._usable()
        intake = Intake(client)
        intake.latest = queue == "latest"

        def job(session: Session, call: Call, batch: list[Reading]) -> None:
            assert callback is not None
            for item in batch:
                if intake.closed:
                    break
                try:
                    client.callbacks.perform(callback, (item,), {})
                except BaseException as error:  # its own: the next one is served
                    client.node.report(error)
            with client.host.lock:
                session.data.calls.grant(call, len(batch))
                client.send()

        def hand(call: Call, batch: list[Reading]) -> None:
            session = client.session
            client.callbacks.put(lambda: job(session, call, batch))

        def ask() -> Call:
            calls = client.calls()
            if callback is None:
                return begin(client.node, client.session, topic, queue, intake.take)
            call = begin(client.node, client.session, topic, queue, hand)

            def ended() -> None:
                if call.error is not None and calls.closed is None:
                    client.node.report(call.error)  # the node refused, and nobody waits for items
                    if isinstance(call.error, (Busy, CallError)):  # it may have room later
                        after(client.node, TIMES["retry_max"], intake.again)

            call.on_end = ended
            return call

        feed = Feed(intake, callback is not None)
        try:
            with client.host.lock:
                forget_forsaken(client)
                intake.keep(ask)
                client.send()
        except BaseException:  # a Ctrl-C: nobody would have it, to end it
            feed.close()
            raise
        return feed

    def publish(self, topic: str, value: Any, wait_s: float = 0) -> None:
        """Sends `value` to the node if it subscribed to `topic`. While its queue is full, waits up
        to `wait_s` seconds for room; then the oldest item there goes, and is counted as missed."""
        client = self._usable()
        node = client.node
        if not node.topics.get(topic):
            return
        if not isinstance(wait_s, (int, float)) or not 0 <= wait_s < 1e9:
            raise UsageError(f"wait_s={wait_s!r}: seconds")
        item = item_of(value)
        wait_ms = int(wait_s * 1000)
        until_ms = 0
        while True:
            with client.host.lock:  # the room that we waited for may be another thread's now
                subscribers = node.topics.get(topic, [])
                if not wait_ms or _have_room(subscribers, item) or node.now_ms() >= until_ms > 0:
                    put_item(node, subscribers, item)
                    client.send_items()
                    return
            until_ms = until_ms or node.now_ms() + wait_ms
            client.wait(lambda: _have_room(node.topics.get(topic, []), item), until_ms)

    def describe(self) -> dict[str, Any]:
        """What the node is and offers."""
        result: dict[str, Any] = self.call("sys.describe")
        return result

    def stats(self) -> dict[str, Any]:
        """What the node counts."""
        result: dict[str, Any] = self.call("sys.stats")
        return result

    def move(self, address: str, timeout_s: float = 10) -> None:
        """Goes on over another link: what is under way, either way, arrives over that one."""
        move(self._usable(), address, timeout_s)

    def close(self) -> None:
        """Ends the session and closes the link. What was published gets there first, where there is
        a link and the node takes it within a second; callbacks still get what has come."""
        self._client.close()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _have_room(subscribers: list[Outgoing], item: tuple[int, bytes]) -> bool:
    """Whether `item` pushes out none that waits for one of them."""
    for outgoing in subscribers:  # noqa: SIM110  # `all` would make a generator for each item
        if outgoing.full(len(item[1])):
            return False
    return True


def connect(
    address: str, *, timeout_s: float = 10, start: bool = False, node: Node | None = None,
    on_log: Callable[[str], object] | None = None,
    on_error: Callable[[BaseException], object] | None = None,
) -> Board:  # fmt: skip
    """Connects to the node at `address` ("usb:auto", "tcp:192.168.1.5", ...).

    `start`: restart the board's main.py first (USB). `node`: a Node whose commands the other side
    may call. `on_log`: gets each line that the board prints, in the thread for callbacks.
    `on_error`: gets each exception that a callback lets out; it is printed in any case.
    Raises BadAddress, CannotConnect or PortBusy with the reason in plain words.
    """
    if not isinstance(address, str):
        raise UsageError(f"{address!r} is no address")
    if not isinstance(timeout_s, (int, float)) or not timeout_s > 0:
        raise UsageError(f"timeout_s={timeout_s!r}: seconds, more than 0")
    timeout_s = min(timeout_s, _LONGEST_S)
    client = ThreadedClient(address, node, on_log, on_error)
    try:
        client.connect(timeout_s, start)
    except BaseException:
        client.close()
        raise
    return Board(client)
