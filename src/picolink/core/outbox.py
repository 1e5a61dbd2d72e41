"""What a session has to say: messages, whole or in fragments, until the peer has them (spec 5).

Every byte of a message is in one of three places: not sent yet, in one packet under way, or
delivered. What was lost becomes a hole and is sent again in whatever size the link now takes.
"""

from .packets import LONG, NOTHING, WINDOW
from .seldom import seldom, starting

_LONG_TURN = 4  # one packet in so many belongs to the long messages while short ones wait


class Message:
    """One message on its way out. `body` is never empty.

    What stands in the class holds for most messages: on a board each attribute that an object has
    of its own costs 32 bytes or more, of which a call makes two.
    """

    at = 0  # first byte that no packet took yet. It never goes back: a packet may have arrived
    acknowledged = 0  # bytes, of a message that went in fragments
    holes: list[tuple[int, int]] = []  # lost, to be sent again

    def __init__(self, lane: "Lane", kind: int, ref: int, body: bytes) -> None:
        self.lane = lane
        self.kind = kind
        self.ref = ref
        self.body = body
        self.id = lane.next_id

    def begun(self) -> bool:
        """Whether a packet with any of it may have left: for ever, whatever was lost since."""
        return self.at > 0

    @seldom
    def lost_whole(self) -> bool:
        """Whether it may go whole once more: no fragment of it was ever sent (spec 5.8)."""
        return self.holes == [(0, len(self.body))]

    def delivered(self, start: int, end: int) -> None:
        """The peer has this range."""
        size = len(self.body)
        if end - start < size:
            self.acknowledged += end - start
            if self.acknowledged < size:
                return
        self.lane.settled(self)

    @seldom
    def lost(self, start: int, end: int) -> None:
        """This range, under way until now, is to be sent again."""
        if self not in self.lane.open:
            return
        holes = self.holes + [(start, end)]  # first: where there is no memory nothing has changed
        if not self.sending():
            waiting = self.lane.waiting
            i = 0
            while i < len(waiting) and (self.id - waiting[i].id) & 0xFFFF < 0x8000:
                i += 1
            waiting.insert(i, self)
        self.holes = holes

    def sending(self) -> bool:
        """Whether there are bytes to send."""
        return self.at < len(self.body) or bool(self.holes)


class Lane:
    """Messages whose ids count together. Short ones and long ones have a lane each, so that the
    window of ids never makes a call wait for a file."""

    @starting
    def __init__(self, flag: int, first_id: int) -> None:
        self.flag = flag
        self.next_id = self.first_id = first_id
        self.waiting: list[Message] = []  # with bytes to send, by id
        self.open: list[Message] = []  # begun and not delivered, by id
        self.bytes = 0  # of all messages that are not delivered
        self.limit_bytes = 0  # largest message that the peer takes

    def add(self, kind: int, ref: int, body: bytes) -> Message:
        """A new message, behind all others of the lane."""
        message = Message(self, kind | self.flag, ref, body)
        self.waiting.append(message)
        self.next_id = (message.id + 1) & 0xFFFF
        self.bytes += len(body)
        return message

    def ready(self) -> Message | None:
        """The message to send from next, or None."""
        if self.waiting:
            message = self.waiting[0]
            if not self.open or (message.id - self.open[0].id) & 0xFFFF < WINDOW:
                if message.at or not self.flag or self._has_room(message):
                    return message
        return None

    @seldom
    def _has_room(self, message: Message) -> bool:
        """Whether the peer can hold a long message beside those that were begun. Were it to hold
        later ones and have no room for an earlier one, none of them would ever be complete."""
        size = len(message.body)
        for other in self.open:
            size += len(other.body)
        return not self.open or size <= 2 * self.limit_bytes

    def take(self, message: Message, room: int) -> tuple[int, int]:
        """The next range to send of `message`, which `ready` returned; at most `room` bytes."""
        start = message.at
        if not start:
            self.open.append(message)
        if message.holes:
            start, last = message.holes[-1]
            end = min(start + room, last)
            if end < last:
                message.holes[-1] = (end, last)
            else:
                message.holes.pop()
            done = not message.sending()
        else:
            message.at = end = min(start + room, len(message.body))
            done = end == len(message.body)
        if done:
            self.waiting.pop(0)
        return start, end

    def settled(self, message: Message) -> None:
        """The peer has the whole of `message`."""
        self.bytes -= len(message.body)
        self.open.remove(message)
        if self.waiting and message.sending():
            self.waiting.remove(message)

    @seldom
    def take_back(self, kind: int, ref: int) -> bool:
        """Takes a message back of which nothing was sent; False where it is too late. If it was
        lost on its way, it does not come late: what is sent again is nothing."""
        for message in self.open + self.waiting:
            if message.ref == ref and message.kind & 0x0F == kind:
                if message.begun():  # its id is spent: without it the peer's window would stand
                    message.kind = message.kind & LONG | NOTHING
                    return False
                self.waiting.remove(message)
                self.bytes -= len(message.body)
                for later in self.waiting:  # nor was any of these sent
                    if (later.id - message.id) & 0xFFFF < 0x8000:
                        later.id = (later.id - 1) & 0xFFFF
                self.next_id = (self.next_id - 1) & 0xFFFF
                return True
        return False

    @starting
    def resume(self, low: int, bits: int) -> None:
        """The peer says what it has: all ids below `low`, and those of the bitmap."""
        for message in list(self.open):
            ahead = (message.id - low) & 0xFFFF
            if ahead >= 0x8000 or bits >> ahead & 1:
                self.settled(message)


class Outbox:
    """Both lanes."""

    def __init__(self, first_id: int) -> None:
        self.short = Lane(0, first_id)
        self.long = Lane(LONG, first_id)
        self._turn = 0

    def pick(self) -> Message | None:
        """The message to send from next: short before long, but long ones never starve."""
        message = self.short.ready()
        if self.long.waiting and (message is None or self._turn >= _LONG_TURN):
            long = self.long.ready()
            if long is not None:
                self._turn = 0
                return long
        self._turn += 1
        return message
