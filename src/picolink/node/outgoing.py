"""The sending side of streams and subscriptions (spec 6): bounded queues, credit, batches.

Nobody subscribed: nothing is encoded, nothing is sent. When a queue is full its oldest item goes
and the subscriber sees the gap in the numbers.
"""

from struct import pack

from ..core.packets import CLOCK, ITEMS, RAW
from ..core.values import encode

MYPY = False
if MYPY:
    from collections.abc import Iterable
    from typing import Any

    from ..core.session import Session

QUEUE_ITEMS = 64
QUEUE_BYTES = 8192
_LEAST_BYTES = 1024
_ITEMS_HEAD = 6
_BARE = RAW | 1  # of an item: bytes alone, without the length of a JSON part: nobody copied them
_NO_JSON = b"\x00\x00\x00\x00"
_turns = 0


def item_of(value: "Any") -> tuple[int, bytes]:
    """`value` as queues hold it: what `encode` returns, or bytes alone as they are."""
    return (_BARE, value) if type(value) is bytes else encode(value)


def by_turns(queues: "Iterable[Outgoing]") -> "list[Outgoing]":
    """The queues, those first that sent nothing for the longest time."""
    return sorted(queues, key=lambda queue: queue.turn)


class Outgoing:
    """One subscriber's queue, or one stream. `limit`: items it holds at most, and no more bytes
    than the node's window twice over; 1 keeps the latest only."""

    turn = 0  # when it last sent something, counted in what all queues sent

    def __init__(self, session: "Session", ref: int, credit: int, limit: int) -> None:
        self.session = session
        self.ref = ref  # the call that asked for it
        self.credit = credit  # items that the receiver has room for, counted from the start
        self.limit = limit
        # Left in the queue: less where there are many, so that all have a bound.
        others = len(session.data.outgoing)
        self.room_bytes = max(_LEAST_BYTES, min(QUEUE_BYTES, 2 * QUEUE_BYTES // (others + 1)))
        self.queue: list[tuple[int, bytes]] = []
        self.gone = 0  # items that left the queue, sent or dropped
        self.sent = 0  # items sent: what counts against the credit
        self.messages = 0  # and in how many messages

    def put(self, item: tuple[int, bytes]) -> None:
        """Queues an encoded item; the oldest goes where there is no room."""
        queue = self.queue
        self.room_bytes -= len(item[1])
        while queue and (len(queue) >= self.limit or self.room_bytes < 0):
            self.room_bytes += len(queue.pop(0)[1])
            self.gone = (self.gone + 1) & CLOCK
        queue.append(item)
        self.session.wanted = True

    def full(self, size: int) -> bool:
        """Whether an item of `size` bytes will push another one out."""
        return len(self.queue) >= self.limit or (self.room_bytes < size and bool(self.queue))

    def allowed(self) -> int:
        """How many more items the receiver has room for."""
        left = (self.credit - self.sent) & CLOCK
        return left if left <= CLOCK // 2 else 0

    def send(self, room_bytes: int) -> bool:
        """Sends one message of as many items as fit (one, if it alone is larger); False where
        there is nothing to send, or no credit."""
        queue = self.queue
        limit = min(len(queue), self.allowed())
        if not limit:
            return False
        limit_bytes = self.session.peer_limit_bytes
        room = min(room_bytes, limit_bytes) - _ITEMS_HEAD - 2
        size = count = 0
        flag = queue[0][0]
        while count < limit and queue[count][0] == flag:
            size += len(queue[count][1])
            if count and (flag or size + count > room):  # an item with bytes travels alone
                size -= len(queue[count][1])
                break
            count += 1
        head = pack("<HI", self.messages & 0xFFFF, self.gone)
        if flag:
            if flag == _BARE:
                head += _NO_JSON
            body = head + queue[0][1]
        else:
            body = head + b"[" + b",".join([item for _, item in queue[:count]]) + b"]"
        if len(body) <= limit_bytes:
            self.session.send(ITEMS | flag & RAW, self.ref, body)
            self.sent = (self.sent + count) & CLOCK
            self.messages += 1
        else:  # it goes nowhere: the subscriber sees that one is missing
            self.too_big(len(body), limit_bytes)
        global _turns
        _turns = self.turn = (_turns + 1) & CLOCK
        # Only now: where there was no memory to send them they are still here.
        self.gone = (self.gone + count) & CLOCK
        self.room_bytes += size
        del queue[:count]
        return True

    def too_big(self, size: int, limit_bytes: int) -> None:
        """The next item is larger than the peer takes."""
        from ..core.errors import TooBig

        peer = self.session.peer_name
        error = TooBig(
            "an item of %d bytes is more than %s takes, which is %d" % (size, peer, limit_bytes)
        )
        self.refused(error)

    def refused(self, error: Exception) -> None:
        """An item could not be sent."""
        self.session.data.node.report(error)

    def close(self) -> None:
        """Nobody wants more."""

    def grant(self, body: "bytes | memoryview") -> None:
        """The receiver has room for more: `body` counts the items from the start. Credits may
        overtake each other."""
        if len(body) == 4:
            # Not by `unpack`, which takes memory: a credit that there is none for is lost for good.
            credit = body[0] | body[1] << 8 | body[2] << 16 | body[3] << 24
            if (credit - self.credit) & CLOCK <= CLOCK // 2:
                self.credit = credit
            self.session.wanted = True
