"""An MQTT 3.1.1 client for asyncio, the same on a board and on a computer. It serves alone:

    from picolink.links.mqtt import Client
    client = Client("mqtt://user:password@broker.local")
    client.on("house/+/lamp", heard, qos=1)      # heard(message), or a coroutine
    await client.connect()
    await client.publish("house/attic/temperature", "21.5", qos=1)

It connects again by itself, with growing waits, and asks anew for what it was subscribed to.
QoS 1: kept until the broker has it, sent again after a reconnect, never dropped; when `queue`
messages or `queue_bytes` wait, `publish` waits and `post` raises Busy. QoS 0: at once, or dropped.
"""

import asyncio
import sys
from os import urandom

from .address import Broker, check_topic
from .connection import TIMES, Connection
from .packets import (
    CONNACK,
    DISCONNECT,
    PIECE,
    PUBACK,
    PUBLISH,
    PUBREL,
    SUBACK,
    Message,
    Piece,
    connack,
    connect,
    message,
    number,
    puback,
    unsubscribe,
)
from .publisher import Publisher, as_bytes
from .subscriptions import Subscription, Subscriptions

if sys.implementation.name == "micropython":
    from .sockets_board import sleep
else:
    from .sockets_host import sleep

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ...core.failure import PicolinkError
    from .unacked import Publish


class Client:
    """A client of the broker at the first of `addresses` that answers.

    `client_id`: made up where there is none. `clean=False`: the broker keeps what comes at QoS 1
    while we are away, under our id. `will`: (topic, payload, qos, retain), published for us when we
    vanish. `ca`: path or bytes of the CA's certificate, PEM or DER. A message above
    `max_message_bytes` is skipped and counted (`oversize`) but by subscriptions that take pieces.
    `window`: so many messages of QoS 1 under way at once.
    """

    def __init__(
        self, *addresses: str, client_id: str = "", clean: bool = True, keepalive_s: int = 60,
        will: "tuple[str, Any, int, bool] | None" = None, ca: "str | bytes | None" = None,
        user: "str | None" = None, password: "str | None" = None,
        max_message_bytes: int = 8192, window: int = 16, queue: int = 64,
        queue_bytes: int = 32768,
    ) -> None:  # fmt: skip
        from ...core.errors import UsageError

        self.brokers = [Broker(address) for address in addresses]
        if not self.brokers:
            raise UsageError("Client() needs the address of a broker: mqtt://HOST")
        if not isinstance(keepalive_s, int) or not 0 <= keepalive_s < 65536:
            raise UsageError("keepalive_s=%r: whole seconds up to 65535; 0 for none" % keepalive_s)
        if not clean and not client_id:
            raise UsageError("clean=False needs a client_id: the broker knows the session by it")
        if will is not None:
            check_topic(will[0])
            will = (will[0], as_bytes(will[1]), min(will[2], 1), will[3])
        self.client_id = client_id or "picolink-" + "".join(["%02x" % x for x in urandom(5)])
        self.clean = clean
        self.keepalive_s = keepalive_s
        self.will = will
        self.oversize = 0  # messages that were too large to be held
        self.connects = 0  # how often a broker has taken us
        self.why = "not tried yet"  # the last reason why there is no connection
        self.failed: PicolinkError | None = None  # what the last attempt ended with
        self.on_up: Callable[[], object] = int  # a broker has taken us
        self.on_down: Callable[[], object] = int  # the connection is lost; `why` says why
        self.on_fail: Callable[[], object] = int  # none came about; `why` says why
        self.publisher = Publisher(window, queue, queue_bytes)
        self.subscriptions = Subscriptions()
        self._user = user
        self._password = password
        self._ca = ca
        self._max_message_bytes = max_message_bytes
        self._connection: Connection | None = None
        self._changed = asyncio.Event()
        self._task: Any = None
        self._tasks: list[Any] = []  # of handlers that are coroutines
        self._brief = 0  # connections in a row that the broker ended at once
        self._tries = 0  # to connect, since a connection that lasted
        self.held: list[int] = []  # numbers of messages of QoS 2 (exactly_once.py)

    @property
    def dropped(self) -> int:
        """Messages of QoS 0 that no connection took."""
        return self.publisher.dropped

    # Connecting

    @property
    def connected(self) -> bool:
        """Whether a broker serves us at present."""
        connection = self._connection
        return connection is not None and connection.welcome and not connection.why

    def start(self) -> None:
        """Begins to connect, and goes on for ever."""
        if self._task is None:
            self.publisher.closed = False
            self._task = asyncio.create_task(self._run())

    async def connect(self, timeout_s: float = 10, once: bool = False) -> "Client":
        """Connects; Refused or CannotConnect, with the reason, where that fails. `once`: it is not
        tried again until then."""
        self.start()
        try:
            await asyncio.wait_for(self._first(once), timeout_s)
        except asyncio.TimeoutError:
            failed = self.failed
            await self.close()
            raise failed or self._dialing("unanswered", self, " in %s s" % timeout_s) from None
        return self

    async def _first(self, once: bool) -> None:
        from ...core.errors import PeerError, UsageError

        while not self.connected:
            self._changed.clear()
            await self._changed.wait()
            failed = self.failed
            final = isinstance(failed, (UsageError, PeerError)) and len(self.brokers) == 1
            if final or (once and not self.connected):
                await self.close()
                raise failed or self._dialing("unanswered", self, " as a broker")

    async def _run(self) -> None:
        """Connects, and connects again whenever the connection is lost."""
        while self._wanted():
            for broker in self.brokers:
                try:
                    was_up = await self._serve(broker)
                except Exception as error:  # a wrong CA, no memory for TLS: it may work later
                    was_up = False
                    self.failed = self._dialing("failure", error, broker)
                    self.why = str(self.failed)
                    self._changed.set()
                    self._guarded(self.on_fail)
                if was_up:
                    break
            await sleep(self._dialing("wait_ms", self._tries) / 1000)
            self._tries += 1

    def _dialing(self, what: str, *args: "Any") -> "Any":
        """Calls a function of dialing.py. No name in a coroutine may hold that module."""
        from .dialing import failure, opened, stolen, unanswered, wait_ms

        named: Any = {
            "failure": failure, "opened": opened, "stolen": stolen, "unanswered": unanswered,
            "wait_ms": wait_ms,
        }  # fmt: skip
        return named[what](*args)

    def _wanted(self) -> bool:
        """False after `close`, whose cancellation a `wait_for` that just ends may swallow."""
        return self._task is asyncio.current_task()

    async def _serve(self, broker: Broker) -> bool:
        """One connection, from its begin to its end; True where the broker took us."""
        wire = await self._dialing("opened", broker, self._ca)
        connection = None
        try:
            user = broker.user if self._user is None else self._user
            password = broker.password if self._password is None else self._password
            hello = connect(self.client_id, self.keepalive_s, self.clean, user, password, self.will)
            await asyncio.wait_for(wire.greet(hello), TIMES["answer"] / 1000)
            most, go_on = self._max_message_bytes, self.publisher.go_on
            connection = Connection(wire, most, self.keepalive_s, self._take, go_on)
            self._connection = connection
            if self._wanted():
                await connection.serve()
            if connection.welcome:
                # What we can't take, each time at once, is met with growing waits. Two clients of
                # one id, whom the broker throws out in turn, have to be seen to come and go.
                if connection.age_ms() > TIMES["brief"]:
                    self._tries = 0
                elif connection.by_peer:
                    self._tries = min(self._tries, 1)
            if connection.welcome or self.failed is None:
                self.why, self._brief = self._dialing("stolen", self, connection, self._brief)
                self.failed = None
        finally:
            self._connection = None
            self.publisher.connected(None)
            if connection is not None:
                connection.close()
            else:
                wire.close()
            self._changed.set()
            if connection is not None:
                self._guarded(self.on_down if connection.welcome else self.on_fail)
        return connection.welcome

    async def close(self) -> None:
        """Says goodbye and ends; what was not acknowledged ends unsent."""
        task = self.stop()
        if task is not None:
            try:
                await task
            except asyncio.CancelledError:
                pass

    def stop(self) -> "Any":
        """The same without waiting; the task that ends is returned."""
        from .dialing import over

        connection = self._connection
        if connection is not None and connection.welcome:
            connection.send(DISCONNECT)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        over(self)
        return task

    # Receiving

    def _take(self, first: int, body: "Any") -> None:
        """Takes what has come; ValueError where no broker may say so."""
        connection = self._connection
        if connection is None:
            return
        kind = first & 0xF0
        if not connection.welcome:
            if kind != CONNACK:
                raise ValueError("0x%02x before it has taken us" % first)
            self._welcomed(connection, *connack(body))
        elif kind == PUBLISH:
            packet_id, found = message(first, body)
            if not first & 4 or self._is_new(packet_id):
                for subscription in self.subscriptions.of(found.topic):
                    self._guarded(subscription.function, found)
            if packet_id:
                self._acknowledge(connection, first, packet_id)
        elif kind == PUBACK:
            self.publisher.acknowledged(number(body))
        elif kind == PIECE:
            self._take_piece(connection, first, body)
        elif kind == CONNACK:
            raise ValueError("a second CONNACK")
        elif kind == SUBACK:
            self.subscriptions.answered(number(body), body[2:])
        elif kind == PUBREL:
            from .exactly_once import released

            released(self, connection, number(body))

    def _take_piece(self, connection: Connection, first: int, piece: Piece) -> None:
        if not first & 4 or self._is_new(piece.packet_id):
            found = self.subscriptions.of(piece.topic) if piece.topic else []
            takers = [s.pieces for s in found if s.pieces is not None]
            for taker in takers:
                self._guarded(taker, piece)
            if not takers and not piece.offset:
                self.oversize += 1
        if piece.packet_id and piece.offset + len(piece.data) == piece.total:
            self._acknowledge(connection, first, piece.packet_id)

    def _is_new(self, packet_id: int) -> bool:
        return packet_id not in self.held

    def _acknowledge(self, connection: Connection, first: int, packet_id: int) -> None:
        if first & 4:
            from .exactly_once import received

            received(self, connection, packet_id)
        else:
            connection.answer(puback(packet_id))

    def _welcomed(self, connection: Connection, present: bool, verdict: int) -> None:
        if verdict:
            from .dialing import refusal

            self.failed = refusal(verdict, self)
            self.why = str(self.failed)
            connection.lose(self.why)
            return
        connection.welcomed()
        self.connects += 1
        self.failed = None
        if not present:
            self.held = []
        self.subscriptions.reconnected(present)
        self._ask()
        self.publisher.connected(connection)
        self._guarded(self.on_up)
        self._changed.set()

    def _guarded(self, function: "Callable[..., Any]", *args: "Any") -> None:
        """Calls a handler: what it raises is printed, and the connection lives on."""
        try:
            result = function(*args)
            if hasattr(result, "send"):
                self._spawn(result)
        except BaseException as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        """A handler has raised: raises what is meant for our own loop."""
        from ... import load  # the border is above us: only by name
        from .dialing import report

        if load("node.invoke").passes(error):
            raise error
        report(error)

    def _spawn(self, coroutine: "Any") -> None:
        async def run() -> None:
            try:
                await coroutine
            except BaseException as error:
                self._failed(error)

        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(run()))

    # Subscribing

    def on(
        self, topic: str, function: "Callable[[Message], Any]", qos: int = 0,
        pieces: "Callable[[Piece], Any] | None" = None,
    ) -> Subscription:  # fmt: skip
        """Has `function` called with each message of a topic, now or whenever there is a
        connection. QoS 2 is asked for as 1. `pieces` gets what is too large to be held."""
        subscription = self.subscriptions.add(topic, function, min(qos, 1), pieces)
        self._ask()
        return subscription

    async def subscribe(
        self, topic: str, function: "Callable[[Message], Any]", qos: int = 0,
        pieces: "Callable[[Piece], Any] | None" = None,
    ) -> Subscription:  # fmt: skip
        """The same, and waits until the broker has agreed; Refused where it does not."""
        subscription = self.on(topic, function, qos, pieces)
        await subscription.agreed()
        return subscription

    def off(self, topic: str) -> None:
        """Subscribes to a topic no more."""
        if self.subscriptions.remove(topic) and self.connected:
            assert self._connection is not None
            self._connection.send(unsubscribe(self.publisher.next_id(), [topic]))

    def _ask(self) -> None:
        """Asks for what we are not subscribed to yet."""
        if self.connected:
            assert self._connection is not None
            for packet in self.subscriptions.requests(self.publisher.next_id):
                self._connection.send(packet)

    # Publishing

    def post(
        self, topic: str, payload: "Any" = b"", qos: int = 0, retain: bool = False
    ) -> "Publish | None":
        """Publishes without waiting. QoS 0: None. QoS 1: what tells when the broker has it; Busy
        where too much is under way. `payload`: bytes, or text; numbers as text."""
        return self.publisher.post(topic, payload, qos, retain)

    async def publish(
        self, topic: str, payload: "Any" = b"", qos: int = 0, retain: bool = False
    ) -> None:
        """Publishes. QoS 1 returns when the broker has it, however long that takes; QoS 0 when a
        connection has taken it, or none is there."""
        await self.publisher.publish(topic, payload, qos, retain)

    async def publish_from(
        self, topic: str, source: "Any", size: int, qos: int = 1, retain: bool = False
    ) -> None:
        """Publishes `size` bytes that `source` (an open file) gives, without holding them all. At
        QoS 1 it begins anew after a reconnect, by `source.seek(0)`."""
        await self.publisher.publish_from(topic, source, size, qos, retain)
