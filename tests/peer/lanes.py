"""What a session keeps of its messages, and of the packets on one link: 4.2 to 4.8, 5.3 to 5.7."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from . import wire
from .links import Link
from .wire import NUMBERS, Data, Hello, Message, distance

WINDOW = 30
TIMEOUT_S = 0.2


@dataclass
class Outgoing:
    """A message on its way: what of it is still to be sent, and how much is unconfirmed."""

    message: Message
    todo: deque[tuple[int, int]]
    left: int
    in_parts: bool


@dataclass
class Incoming:
    """The fragments of a message that came so far."""

    total: int
    body: bytearray
    have: bytearray


@dataclass
class Receiving:
    """One lane of what comes: which ids were delivered, and what is unfinished."""

    lowest: int = 0
    delivered: set[int] = field(default_factory=set)
    unfinished: dict[int, Incoming] = field(default_factory=dict)

    def wants(self, id_: int) -> bool:
        return 0 <= distance(self.lowest, id_) < WINDOW and id_ not in self.delivered

    def deliver(self, id_: int) -> None:
        self.unfinished.pop(id_, None)
        self.delivered.add(id_)
        while self.lowest in self.delivered:
            self.delivered.remove(self.lowest)
            self.lowest = (self.lowest + 1) % NUMBERS

    def bitmap(self) -> int:
        return sum(1 << distance(self.lowest, id_) for id_ in self.delivered)


@dataclass
class Sending:
    """One lane of what is sent: the messages not confirmed yet, in the order of their ids."""

    first: int
    following: int
    messages: dict[int, Outgoing] = field(default_factory=dict)

    def next(self, most: int = 1 << 30) -> Outgoing | None:
        """The first with something to send among those that the window lets begin (5.4).

        Their bodies have `most` bytes in all: twice the peer's limit, in the long lane (5.9.1).
        """
        oldest = next(iter(self.messages), 0)
        for id_, outgoing in self.messages.items():
            most -= len(outgoing.message.body)
            if distance(oldest, id_) >= WINDOW or (most < 0 and id_ != oldest):
                return None
            if outgoing.todo:
                return outgoing
        return None


class Attach:
    """What belongs to one link and one pair of tags: packet numbers, and what is under way."""

    def __init__(self, link: Link, own: Hello, peer: Hello) -> None:
        self.link = link
        self.own, self.peer = own, peer
        self.number = peer.tag % NUMBERS  # of the next packet (4.3)
        self.top = (own.tag - 1) % NUMBERS
        self.seen = wire.ALL_SEEN
        self.under_way: dict[int, tuple[Outgoing | None, int, int, float]] = {}
        self.bytes_under_way = 0
        self.timeout_s = TIMEOUT_S
        self.ack_at: float | None = None
        self.unacknowledged = 0
        self.mtu = max(32, min(link.carries, peer.mtu))

    def header(self, **fields: object) -> Data:
        """The next packet, with a number of its own, acknowledging what came."""
        number = self.number
        self.number = (number + 1) % NUMBERS
        self.ack_at, self.unacknowledged = None, 0
        seen = None if self.seen == wire.ALL_SEEN else self.seen
        return Data(self.peer.tag, number, self.top, seen, **fields)  # type: ignore[arg-type]

    def accepts(self, number: int) -> bool:
        """Notes a packet's number; False for one that came before, or is too old (4.5)."""
        ahead = distance(self.top, number)
        if ahead > 0:
            self.seen = (self.seen << ahead | 1 << ahead - 1) & wire.ALL_SEEN
            self.top = number
            return True
        bit = 1 << (-ahead - 1) if -WINDOW <= ahead < 0 else 0
        fresh = bool(bit) and not self.seen & bit
        self.seen |= bit
        return fresh
