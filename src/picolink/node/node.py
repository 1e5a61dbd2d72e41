"""Node: a program with a name, its commands, readings and topics, on any number of links."""

import sys
from os import urandom

from ..core.endpoint import Endpoint
from ..core.seldom import seldom, starting
from .clock import now_ms
from .command import Command
from .invoke import guarded, passes, tell
from .talk import Talk

MYPY = False
if MYPY:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from ..core.port import Port
    from ..core.session import Session
    from ..net.clock import Clock
    from .client.peer import Peer
    from .driver import Driver
    from .features.quiet import Quiet
    from .outgoing import Outgoing

_AGAIN_MS = 1000  # after what was due has failed, as for want of memory


class Node:
    """A program with a name.

    `name`: letters, digits, - and _; left out, a board takes it from /picolink.json, a host its
    own. `uid`: its identity, the board's own by default. `max_message_bytes`: larger ones are
    refused. `wifi`: on a board, the network's name and password, or more (docs/wifi.md); left out,
    what /picolink.json says. `on_error`: gets each exception that a function lets out.
    """

    if MYPY:
        registers: Any  # registers.Registers, there where some are declared
        failed: list[tuple[str, Exception]]  # links that it was to open, and why it could not

    @starting
    def __init__(
        self, name: str = "", uid: bytes | None = None, max_message_bytes: int = 16384,
        max_sessions: int = 4, window_bytes: int = 8192, wifi: "Any" = None,
        on_error: "Any" = None,
    ) -> None:  # fmt: skip
        from .naming import name_of_node

        uid = uid or self._own_uid()
        self.name = name = name_of_node(name, uid)
        self.endpoint = Endpoint(
            uid, name, self, urandom, window_bytes, max_message_bytes, max_sessions
        )  # fmt: skip
        self.wifi = wifi  # once it runs: net.wifi.Wifi
        self.commands: dict[str, Command] = {}
        self.readings: dict[str, Any] = {}
        self.texts: dict[str, Any] | None = None  # link -> what is said on it, if declared
        self.topics: dict[str, list[Outgoing]] = {}
        self._put: Callable[..., None] | None = None
        self.drivers: list[Driver] = []
        self.peers: list[Peer] = []
        self.aside: Callable[..., Any] | None = None  # how users' functions run, if not at once
        self.on_error: Callable[[BaseException], Any] | None = on_error
        self.later: list[Callable[[], None]] = []  # to do once what is to be said was sent
        self.on_start: list[Callable[[], Any]] = []  # to call when the node begins to run
        self.on_meet: list[Callable[[Session], None]] = []
        self.on_tick: list[Callable[[int], int | None]] = []  # given now, return their next time
        self.now_ms = now_ms
        self.started_ms = now_ms()
        self.listeners: list[Any] = []
        self.loop: Any = None  # of a program that polls
        self.host: Any = None  # what asyncio is used through, while it runs
        self._clock: Clock | None = None
        self.deliveries: Any = None  # what it was delivered: services.deliver.Deliveries

    @starting
    def _own_uid(self) -> bytes:
        if sys.implementation.name == "micropython":
            try:
                from machine import unique_id
            except ImportError:  # of its port to Unix
                return urandom(8)
            return unique_id()  # type: ignore[no-any-return]
        else:
            from .host.identity import host_uid

            return host_uid()

    # What it offers

    @starting
    def command(
        self, *args: "Any", help: str = "", blocking_s: float = 0, name: str = "", **named: str
    ) -> "Any":
        """Decorator: the function becomes a command that peers call by its name.

        Arguments are declared as `state="on|off"`, several in order as `"level: 0..100 %"`;
        `blocking_s`: it may block for so many seconds, and peers are told so.
        """
        if args and callable(args[0]):  # @node.command without parentheses
            return self._add(args[0], "", Command(args[0]))

        def decorate(function: "Any") -> "Any":
            command = Command(function, help, blocking_s)
            command.declare(args, named)
            return self._add(function, name, command)

        return decorate

    @starting
    def stream(self, *args: "Any", help: str = "", name: str = "", **named: str) -> "Any":
        """Decorator: the function returns a generator (on CPython also an async one) whose
        items the caller gets one by one; none is dropped."""
        if args and callable(args[0]):
            return self._add(args[0], "", Command(args[0], stream=True))

        def decorate(function: "Any") -> "Any":
            command = Command(function, help, stream=True)
            command.declare(args, named)
            return self._add(function, name, command)

        return decorate

    @starting
    def _add(self, function: "Any", name: str, command: Command) -> "Any":
        from .naming import check_name

        self.commands[check_name(name or function.__name__, ".")] = command
        return function

    @starting
    def reading(self, name: str, unit: str = "", every_s: float = 1, help: str = "") -> "Any":
        """Decorator: the function gives a value, taken every `every_s` seconds while somebody
        subscribes, and whenever somebody reads it."""
        from .naming import check_name
        from .readings import declare

        check_name(name, "./")
        return lambda function: declare(self, name, function, unit, every_s, help)

    @seldom
    def text(
        self, word: str | None = None, link: str = "", end: str | None = "\n",
        reply: str | None = "\r\n", unknown: str | None = None, close: bool = False,
        quiet_ms: int = 0,
    ) -> "Any":  # fmt: skip
        """Decorator: the function answers who says `word` in plain text on `link`, without
        picolink. Without a word it gets whatever text comes.

        What it returns is said, and `reply` after it; nothing for None, or with `reply=None`.
        These hold for all words of a link: `end` is what ends a text ("\\n": CR, LF and both;
        None: nothing does, a text is what came at once, or before `quiet_ms` of silence);
        `unknown` is said to a wrong one; `close` closes the link after each.
        """
        from .features.dialect import declare

        return lambda function: declare(
            self, function, word, link, end, reply, unknown, close, quiet_ms
        )

    @seldom
    def register(
        self, number: int, function: "Any" = None, every_s: float = 0.1, write: bool = True
    ) -> "Any":
        """Offers a plain register, 0x00 to 0x0F, one byte, where the node runs `i2c-target:` or
        `i2c-registers:`: `function(byte)` is called when a controller has written another one,
        `function()`, every `every_s` seconds and after each write, gives what it reads (None:
        what was written). A decorator where no function is given."""
        from .features.registers import declare

        if function is not None:
            return declare(self, number, function, every_s, write)
        return lambda function: declare(self, number, function, every_s, write)

    @seldom
    def gatt(
        self, service: "int | str", characteristic: "int | str", command: "Any" = "",
        reading: str = "", format: str = "",
    ) -> None:  # fmt: skip
        """Offers a command (its name, or the function) or a reading as a plain Bluetooth
        characteristic, where the node runs `ble-peripheral:`, in UTF-8 text: what is written are
        the command's arguments, what is read or notified the reading's value, as `format`
        ("%.1f") has it, else the command's result. UUIDs are 16-bit numbers or strings."""
        from .features.gatt import declare

        declare(self, service, characteristic, command, reading, format)

    def publish(self, topic: str, value: "Any") -> None:
        """Sends `value` to whoever subscribed to `topic`. Costs nothing where nobody did."""
        subscribers = self.topics.get(topic)
        if subscribers:
            if self._put is None:  # importing it each time takes longer than what it does
                from .publishing import put

                self._put = put
            self._put(self, subscribers, value)

    @seldom
    def subscribe(self, topic: str, queue: str = "all") -> "Any":
        """Decorator: the function gets what any peer, now or later, publishes under `topic`."""
        from .client.subscription import everywhere

        return lambda function: everywhere(self, topic, queue, function)

    @seldom
    def peer(self, address: str) -> "Peer":
        """The node at `address`, dialed and dialed again by itself; or, by its name, one that is
        connected already."""
        from .client.peer import peer_at

        return peer_at(self, address)

    @seldom
    def on_pin(self, pin: "Any", pull: str = "up", debounce_ms: int = 20, edge: str = "") -> "Any":
        """Decorator: the function (or coroutine) runs when the pin is pressed: falls where it is
        pulled up, rises where it is pulled down; `edge`: "rising", "falling", "both"."""
        from .features.button import on_pin

        return lambda function: on_pin(self, function, pin, pull, debounce_ms, edge)

    # Running

    def run(self, *links: "Any") -> None:
        """Opens the links (a board without any: those of /picolink.json), prints a line for each,
        and serves until it is interrupted. A coroutine among them is the user's own program: when
        it ends, `run` does."""
        from .running import run

        run(self, links)

    @seldom
    def deliver_and_sleep(
        self, to: "Any" = "tcp:gateway", every_s: float = 900, done_pin: "int | None" = None,
        timeout_s: float = 20, awake_on_usb: bool = True,
    ) -> None:  # fmt: skip
        """For a battery sensor, at the end of main.py instead of `run`: takes every reading once,
        delivers it to the node at `to`, or to a broker (an `Mqtt`), and sleeps until `every_s` have
        passed since it woke, when main.py begins anew (docs/battery.md).

        It sleeps once the delivery is acknowledged, or after `timeout_s`; then the readings are
        kept on flash and delivered next time. `done_pin` goes high before, for a timer that cuts
        the power. On USB power a Pico W stays awake and serves, unless `awake_on_usb` is False.
        """
        from .features.deep_sleep import deliver_and_sleep

        deliver_and_sleep(self, to, every_s, done_pin, timeout_s, awake_on_usb)

    @seldom
    def on_delivery(self, function: "Any") -> "Any":
        """Decorator: the function gets what sleeping nodes deliver, as `function("NODE/READING",
        reading)`; `reading.missed` counts the wakings before it that were lost."""
        from .services.deliver import of

        of(self).takers.append(function)
        return function

    @seldom
    def poll(self, *links: str) -> None:
        """Serves what has come, and returns: for a program with a `while True` of its own. The
        links are opened at the first call."""
        from .polling import poll

        poll(self, links)

    @starting
    def begin(self, function: "Callable[[], Any]") -> None:
        """Calls `function` now where the node runs, else when it begins to."""
        if self.host is not None:
            function()
        else:
            self.on_start.append(function)

    @seldom
    def quiet(self, ms: int = 1000) -> "Quiet":
        """`async with node.quiet(): ...` before a board writes its flash: meanwhile, for `ms` at
        most (5000), peers on wires without flow control (UART) send nothing. What the interrupts
        lock would lose else is sent again, but costs time. An I2C target is off its bus for so
        long; a flash write could hang it."""
        from .features.quiet import Quiet

        return Quiet(self, ms)

    @property
    def time(self) -> "Clock":
        """The time of day: `node.time.utc()`, `.local()`, `.unix_ms()`. From its first use on a
        board asks time servers for it, where it has Wi-Fi, or a peer that knows it."""
        if self._clock is None:
            from .features.clock import of

            self._clock = of(self)
        return self._clock

    def spawn(self, coroutine: "Coroutine[Any, Any, Any]") -> "Any":
        """Runs a coroutine beside all else."""
        from .tasks import kept

        return self.host.spawn(kept(self, coroutine))

    def kick(self, session: "Session") -> None:
        """Something was queued for `session`: it is sent soon."""
        if session.attach is not None:
            session.attach.port.wake()

    def tick(self) -> int | None:
        """Does what is due; returns when it wants to be called again: soon, for what fails."""
        now = self.now_ms()
        earliest = None
        try:
            due = [driver.tick for driver in self.drivers]
            for data in [session.data for session in self.endpoint.sessions.values()]:
                if data is not None and data.calls is not None:
                    due.append(data.calls.expire)
            for tick in due + self.on_tick:
                try:
                    deadline = tick(now)
                except BaseException as error:
                    self.trouble(error)
                    deadline = now + _AGAIN_MS
                if deadline is not None and (earliest is None or deadline < earliest):
                    earliest = deadline
        except MemoryError:
            return now + _AGAIN_MS
        return earliest

    @seldom
    def report(self, error: BaseException, text: str = "") -> None:
        """Tells of what a function has let out: the log of its traceback, `text` if known, and
        `on_error` of itself. Raises nothing but what is meant for our loops."""
        from .traceback import report

        report(self, error, text)

    @seldom
    def trouble(self, error: BaseException) -> None:
        """Something of ours has raised: it is reported, unless it is meant for our loops."""
        if passes(error):
            raise error
        tell(self, error)

    # What the core tells. It trusts these to return.

    def on_message(
        self, session: "Session", kind: int, ref: int, body: "bytes | memoryview"
    ) -> None:
        try:
            session.data.on_message(kind, ref, body)
        except BaseException as error:
            self.trouble(error)

    def on_room(self, session: "Session", room_bytes: int) -> None:
        # None: it failed, for want of memory, and is to be tried again.
        session.wanted = guarded(self, session.data.on_room, room_bytes) is not False

    def on_state(self, session: "Session", why: str) -> None:
        if session.data is None:
            session.data = Talk(self, session)
        if session.state == "closed":
            guarded(self, session.data.close)
        for peer in self.peers:
            guarded(self, peer.on_state, session, why)
        self.forget()

    def forget(self) -> None:
        """Has a board let go of what it needs seldom, once all is said."""
        if sys.implementation.name == "micropython":
            from .running import unload

            if unload not in self.later:
                self.later.append(unload)
            if self.host is not None:
                self.host.call_by(0)

    def on_attach(self, session: "Session", port: "Port") -> None:
        for meet in self.on_meet:
            guarded(self, meet, session)
        self.forget()

    @seldom
    def drop(self, outgoing: "Outgoing") -> None:
        """A subscriber has gone."""
        for topic, subscribers in list(self.topics.items()):
            if outgoing in subscribers:
                subscribers.remove(outgoing)
                if not subscribers:
                    del self.topics[topic]
