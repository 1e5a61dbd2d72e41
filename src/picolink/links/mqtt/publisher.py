"""Publishing: at QoS 1 until the broker has it, at QoS 0 if a connection takes it."""

from asyncio import Event

from .address import check_topic
from .connection import Body
from .packets import publish_head
from .unacked import Publish, Unacked

MYPY = False
if MYPY:
    from typing import Any

    from .connection import Connection


def as_bytes(payload: "Any") -> "Any":
    """A payload: bytes as they are, None as none, all else as its text."""
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return payload
    if payload is None:
        return b""
    return str(payload).encode()


class Publisher:
    """What one client publishes (see Client)."""

    def __init__(self, window: int, queue: int, queue_bytes: int) -> None:
        self.dropped = 0
        self.closed = False  # nothing is taken
        self.unacked = Unacked(window, queue, queue_bytes)
        self.next_id = self.unacked.next_id
        self._queue_bytes = queue_bytes
        self._connection: Connection | None = None
        self._room = Event()

    def connected(self, connection: "Connection | None") -> None:
        """The broker has taken us on this connection; None: there is none any more."""
        self._connection = connection
        self.unacked.reconnected()
        self.go_on()

    def acknowledged(self, packet_id: int) -> None:
        """The broker has taken a message over."""
        publish = self.unacked.acknowledged(packet_id)
        if publish is not None:
            publish.end()
            self.go_on()

    def go_on(self) -> None:
        """Sends what there is room for."""
        connection = self._connection
        while connection is not None and not connection.why:
            if connection.unsent_bytes > self._queue_bytes:
                break
            found = self.unacked.next()
            if found is None:
                break
            publish, packet = found
            connection.send(packet)
            if publish.body is not None:
                if packet is not publish.packet:
                    publish.body.seek(0)
                connection.send(Body(publish, publish.size - len(packet), self._fail))
        self._room.set()

    def post(
        self, topic: str, payload: "Any" = b"", qos: int = 0, retain: bool = False
    ) -> "Publish | None":
        """Publishes without waiting. QoS 0: None. QoS 1: what tells when the broker has it; Busy
        where too much is under way. `payload`: bytes, or text; numbers as text."""
        name = check_topic(topic)
        data = as_bytes(payload)
        self._refuse_closed()
        if qos:
            if not self.unacked.has_room(len(name) + len(data)):
                from ...core.errors import Busy

                raise Busy("%d messages wait for the broker; nothing was sent" % len(self.unacked))
            packet_id = self.unacked.next_id()
            packet = publish_head(name, len(data), 1, retain, packet_id) + data
            publish = Publish(packet, packet_id)
            self.unacked.add(publish)
            self.go_on()
            return publish
        connection = self._connection
        if connection is None or connection.why or connection.full(len(data), self._queue_bytes):
            self.dropped += 1
        else:
            connection.send(publish_head(name, len(data), 0, retain, 0) + data)
        return None

    async def publish(
        self, topic: str, payload: "Any" = b"", qos: int = 0, retain: bool = False
    ) -> None:
        """Publishes. QoS 1 returns when the broker has it, however long that takes; QoS 0 when a
        connection has taken it, or none is there."""
        data = as_bytes(payload)
        if qos:
            while not self.unacked.has_room(len(topic) + len(data)):
                await self._until_room()
            publish = self.post(topic, data, qos, retain)
            assert publish is not None
            await _ended(publish)
            return
        connection = self._connection
        while connection is not None and connection.busy():
            await self._until_room()
        self.post(topic, data, 0, retain)

    async def publish_from(
        self, topic: str, source: "Any", size: int, qos: int = 1, retain: bool = False
    ) -> None:
        """Publishes `size` bytes that `source` (an open file) gives, without holding them all. At
        QoS 1 it begins anew after a reconnect, by `source.seek(0)`."""
        name = check_topic(topic)
        while not self.unacked.has_room(len(name)):
            await self._until_room()
        self._refuse_closed()
        packet_id = self.unacked.next_id()
        head = publish_head(name, size, 1 if qos else 0, retain, packet_id)
        publish = Publish(head, packet_id, source, size)
        if qos:
            self.unacked.add(publish)
            self.go_on()
            await _ended(publish)
            return
        connection = self._connection
        if connection is not None:
            connection.send(head)
            connection.send(Body(publish, size, self._fail))
            while connection.busy():
                await self._until_room()
        if publish.failure is not None:
            raise publish.failure
        if connection is None or connection.why:
            self.dropped += 1

    def _refuse_closed(self) -> None:
        if self.closed:
            from ...core.errors import LinkError

            raise LinkError("the client was closed: nothing was sent")

    def _fail(self, publish: Publish, error: Exception) -> None:
        """What a message is read from has failed."""
        self.unacked.drop(publish)
        publish.end(error)

    async def _until_room(self) -> None:
        """Waits until something has changed: sent, acknowledged, connected, lost."""
        self._room.clear()
        await self._room.wait()


async def _ended(publish: Publish) -> None:
    event = Event()
    publish.on_over = event.set
    while not publish.over:
        await event.wait()
    if publish.failure is not None:
        raise publish.failure
