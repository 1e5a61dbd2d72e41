"""Messages of QoS 1 on their way to the broker: kept, in order, until it has taken them over.

Several are under way at once (`window`). After a reconnect those go again first, with the same
packet id and DUP, then the ones that waited. None is dropped by itself: when there is no room, the
next one is not taken.
"""

from ...core.failure import LinkError
from .packets import again

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any


class Publish:
    """A message on its way. `on_over` is called once the broker has it, or `failure`
    says why not."""

    def __init__(self, packet: bytes, packet_id: int, body: "Any" = None, size: int = 0) -> None:
        self.packet = packet  # all of it, or its head where `body` has the payload
        self.packet_id = packet_id
        self.body = body
        self.size = len(packet) + size
        self.begun = False  # it was sent, on this connection or an earlier one
        self.over = False
        self.failure: Exception | None = None
        self.on_over: Callable[[], object] | None = None

    def end(self, error: "Exception | None" = None) -> None:
        """It is over."""
        self.over = True
        self.failure = error
        if self.on_over is not None:
            self.on_over()


class Unacked:
    """The messages of one client."""

    def __init__(self, window: int, most: int, most_bytes: int) -> None:
        self.window = window
        self.most = most
        self.most_bytes = most_bytes
        self.bytes = 0
        self.flight: list[Publish] = []  # sent, or to be sent again, in order
        self.waiting: list[Publish] = []
        self._again = 0  # of those in flight: how many have gone on this connection
        self._last_id = 0

    def has_room(self, size: int) -> bool:
        """Whether a message of `size` bytes is taken. One alone always is."""
        n = len(self.flight) + len(self.waiting)
        return not n or (n < self.most and self.bytes + size <= self.most_bytes)

    def next_id(self) -> int:
        """A packet id that none of them has."""
        used = [publish.packet_id for publish in self.flight]
        used += [publish.packet_id for publish in self.waiting]
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in used:
                return self._last_id

    def add(self, publish: Publish) -> None:
        """Takes a message."""
        self.bytes += min(publish.size, len(publish.packet) + 256)
        self.waiting.append(publish)

    def next(self) -> "tuple[Publish, bytes] | None":
        """What is to be sent now: the message, and the bytes of its packet."""
        if self._again < len(self.flight):
            publish = self.flight[self._again]
        elif self.waiting and len(self.flight) < self.window:
            publish = self.waiting.pop(0)
            self.flight.append(publish)
        else:
            return None
        self._again += 1
        packet = again(publish.packet) if publish.begun else publish.packet
        publish.begun = True
        return publish, packet

    def acknowledged(self, packet_id: int) -> "Publish | None":
        """The broker has taken one over; None where it names one that it was not sent."""
        for at, publish in enumerate(self.flight):
            if at == self._again:
                return None
            if publish.packet_id == packet_id:
                self._again -= 1
                return self._remove(self.flight, at)
        return None

    def _remove(self, where: "list[Publish]", at: int) -> Publish:
        publish = where.pop(at)
        self.bytes -= min(publish.size, len(publish.packet) + 256)
        return publish

    def drop(self, publish: Publish) -> None:
        """It is not to be sent, or not again."""
        for where in (self.flight, self.waiting):
            for at, other in enumerate(where):
                if other is publish:
                    if where is self.flight and at < self._again:
                        self._again -= 1
                    self._remove(where, at)
                    return

    def drop_oldest(self) -> bool:
        """Drops the oldest that was never sent, for a newer one; whether there was any."""
        if not self.waiting:
            return False
        publish = self.waiting[0]
        self.drop(publish)
        publish.end(LinkError("it waited for a broker until newer ones took its place"))
        return True

    def reconnected(self) -> None:
        """The connection is a new one: what is in flight goes again."""
        self._again = 0

    def __len__(self) -> int:
        return len(self.flight) + len(self.waiting)
