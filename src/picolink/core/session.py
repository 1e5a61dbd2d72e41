"""A session: two nodes' conversation, which outlives links (spec 4 and 5).

Sans-IO: packets go in by `receive`, come out of `next_packet`; messages go in by `send`, come out
by the owner's `on_message`. The clock is passed in, the next deadline is returned.
"""

from struct import pack, unpack_from

from .inbox import Inbox
from .outbox import Message, Outbox
from .packets import (
    ALL,
    ASK,
    BYE,
    CLOCK,
    DATA,
    FRESH,
    HEAD,
    HEAD_BYTES,
    HEAD_MESSAGE,
    ITEMS,
    LEAST_LIMIT_BYTES,
    LONG,
    MESSAGE,
    MESSAGE_BYTES,
    OVERHEAD_BYTES,
    PART,
    PART_BYTES,
    SACK,
)
from .seldom import seldom, starting
from .states import MOVING, NEW, TRANSITIONS
from .timing import TIMES

MYPY = False
if MYPY:
    from typing import Any, Protocol

    from .attach import Attach, Flight
    from .packets import Hello

    class Owner(Protocol):
        """Who has the sessions. `body` is empty where the message was larger than we take."""

        def on_message(
            self, session: "Session", kind: int, ref: int, body: bytes | memoryview
        ) -> None: ...

        def on_state(self, session: "Session", why: str) -> None: ...
        def on_room(self, session: "Session", room_bytes: int) -> None: ...


class Session:
    """One conversation with one peer. `id` is 8 random bytes that whoever dials chooses."""

    @starting
    def __init__(self, ident: bytes, owner: "Owner", first_id: int, limit_bytes: int) -> None:
        self.id = ident
        self.owner = owner
        self.limit_bytes = limit_bytes  # largest message we take
        self.state = NEW
        self.since_ms = 0  # of the present state, hellos under way aside
        self.met = False  # whether a packet came: the peer knows the session too
        self.peer_uid = b""
        self.peer_name = ""
        self.peer_limit_bytes = 0
        self.out = Outbox(first_id)
        self.short = Inbox()
        self.long = Inbox()
        self.attach: Attach | None = None
        self._last: Attach | None = None  # of which it is not noted yet what was lost
        self.ask = False  # whether a sign of life is to be asked for
        self.wanted = False  # whether the owner has items to send, given room
        self.patient_until_ms = 0  # a blocking command runs there: silence is no sign
        self.offset_ms = -1  # our clock minus the peer's, the smallest seen, modulo 2^30
        self.data: Any = None  # what the owner keeps with it
        self.resent = 0
        self.ignored = 0  # packets that were duplicates or made no sense

    # What happens to a session

    @starting
    def step(self, event: str, now_ms: int, why: str = "") -> None:
        """Takes the transition that the table has for `event`; any other is no event."""
        state = TRANSITIONS[self.state].get(event, self.state)
        if state != self.state:
            self.state = state
            if state != MOVING and event != "abandon":  # a hello that comes to nothing is no change
                self.since_ms = now_ms
            self.owner.on_state(self, why)

    @starting
    def attach_to(self, attach: "Attach", hello: "Hello", now_ms: int) -> None:
        """Goes on over `attach`: what the peer's hello does not name as delivered is sent again."""
        if self.attach is not None or self._last is not None:
            self._let_go()
        low0, bits0, first0, low1, bits1, first1 = hello.lanes
        if not self.met:
            self.offset_ms = -1  # perhaps of an earlier run of the peer's
            self.peer_uid = hello.uid
            self.short.low = first0
            self.long.low = first1
        if not hello.flags & FRESH:
            self.out.short.resume(low0, bits0)
            self.out.long.resume(low1, bits1)
        self.peer_name = hello.name
        self.peer_limit_bytes = self.out.long.limit_bytes = max(
            LEAST_LIMIT_BYTES, hello.limit_bytes
        )
        attach.welcome(hello)
        self.attach = attach
        attach.port.bear(attach)
        attach.heard_ms = attach.asked_ms = now_ms
        self._saw_clock(hello.clock, now_ms)
        self.step("attach", now_ms)

    @seldom
    def detach(self, event: str, why: str, now_ms: int) -> None:
        """The link is gone ("lost"), or the conversation is over ("close")."""
        try:
            self._let_go()
        except MemoryError:  # it is tried again when there is a link
            pass
        self.step(event, now_ms, why)

    @seldom
    def _let_go(self) -> None:
        """The packets under way are lost: those of this attach, and of older ones for which there
        was no memory to note it."""
        attach = self.attach
        if attach is not None:
            attach.older = self._last
            self.attach, self._last = None, attach
            attach.port.drop(attach)
        while self._last is not None:
            self._resend(self._last, list(self._last.flight))
            self._last = self._last.older

    def _saw_clock(self, clock: int, now_ms: int) -> None:
        """Learns the peer's clock: the smallest offset seen had the shortest way. Later ones
        draw it up a little, as clocks drift."""
        offset = (now_ms - clock) & CLOCK
        more = (offset - self.offset_ms) & CLOCK
        if self.offset_ms >= 0 and more <= CLOCK // 2:
            offset = (self.offset_ms + (more >> 3)) & CLOCK
        self.offset_ms = offset

    def from_peer_clock(self, clock: int, now_ms: int) -> int:
        """The peer's `clock` (ms modulo 2^30) as milliseconds of ours, the one nearest to now."""
        ahead = (clock + self.offset_ms - now_ms) & CLOCK
        return now_ms + (ahead if ahead <= CLOCK // 2 else ahead - CLOCK - 1)

    # What it says

    def send(self, kind: int, ref: int, body: bytes) -> Message:
        """Queues a message; it leaves when the window allows, over whatever link there is.

        Raises TooBig where the peer would not take it. `body` must not be empty.
        """
        size = len(body)
        if self.peer_uid and size > self.peer_limit_bytes:
            self._too_big(size)
        attach = self.attach
        if size <= (attach.room_bytes if attach is not None else 480):
            return self.out.short.add(kind, ref, body)
        return self.out.long.add(kind, ref, body)

    @seldom
    def _too_big(self, size: int) -> None:
        from .errors import TooBig

        raise TooBig(
            "%d bytes at once are too many for %s, which takes %d: send it in pieces"
            % (size, self.peer_name, self.peer_limit_bytes)
        )

    def next_packet(self, now_ms: int) -> bytes | None:
        """The next packet to send over the link, or None: nothing to say, or the window is full."""
        attach = self.attach
        if attach is None:
            return None
        message = None
        # Not before we met: a peer that never heard us may still answer as one that knows nothing.
        short = self.out.short.waiting
        long = self.out.long.waiting
        if (short or long or self.wanted) and self.met and not attach.full():
            # Items overtake long answers, but not long items.
            if not short and self.wanted and (not long or long[-1].kind & 0x0F != ITEMS):
                self.owner.on_room(self, attach.room_bytes)
            message = self.out.pick()
        if message is None and not self.ask and not 0 <= attach.ack_at_ms <= now_ms:
            return None
        return self._packet(attach, message, now_ms)

    def _packet(self, attach: "Attach", message: Message | None, now_ms: int) -> bytes:
        """A packet with the next bytes of `message`, or none. Apart, since there is mostly nothing
        to say, and on a board a function with many variables takes them from the heap."""
        attach.ack_at_ms = -1
        attach.owed_bytes = 0
        number = attach.number
        flags = DATA
        rest = b""
        if attach.seen != ALL:
            flags |= SACK
            rest = pack("<I", attach.seen)
        if message is not None:
            room = attach.room_bytes
            body = message.body
            kind = message.kind
            size = len(body)
            start = 0
            if size <= room and (not message.at or message.lost_whole()):
                start, end = message.lane.take(message, size)
            else:
                start, end = message.lane.take(message, room - PART_BYTES)
                kind |= PART
            try:
                if rest:
                    head = pack(HEAD, flags, attach.peer_tag, number, attach.top)
                    head += rest + pack(MESSAGE, kind, message.id, message.ref)
                else:
                    head = pack(
                        HEAD_MESSAGE, flags, attach.peer_tag, number, attach.top,
                        kind, message.id, message.ref,
                    )  # fmt: skip
                if kind & PART:
                    head += pack("<II", start, size)
                    body = body[start:end]
                packet = head + body
                attach.sent((number, now_ms, len(packet), message, start, end))
            except MemoryError:  # the bytes are in no packet: they are still to be sent
                message.lost(start, end)
                raise
        else:
            if self.ask:
                attach.sent((number, now_ms, OVERHEAD_BYTES, None, 0, 0))
                self.ask = False
                flags |= ASK
                rest += pack("<I", now_ms & CLOCK)
            packet = pack(HEAD, flags, attach.peer_tag, number, attach.top) + rest
        attach.number = (number + 1) & 0xFFFF
        return packet

    @seldom
    def _resend(self, attach: "Attach", lost: "list[Flight]") -> None:
        """What was in the packets `lost` is to be sent again. Each stays under way until there was
        memory to note that."""
        for entry in lost:
            message, start, end = entry[3:]
            if message is None:
                self.ask = True
            else:
                message.lost(start, end)
            self.resent += 1
            attach.gone(entry)

    # What it hears

    def receive(
        self, attach: "Attach", packet: bytes, flags: int, number: int, top: int, now_ms: int
    ) -> None:
        """Takes a packet that bears the tag of `attach`, the head of which was read. Never raises
        on bad bytes."""
        size = len(packet)
        at = HEAD_BYTES
        seen = ALL
        if flags & SACK:
            at += 4
        if size < at or not attach.fresh(number):
            self.ignored += 1
            return
        if flags & SACK:
            seen = unpack_from("<I", packet, HEAD_BYTES)[0]
        self.met = True
        attach.heard_ms = now_ms
        if attach.flight:
            lost = attach.acknowledged(top, seen, now_ms)
            if lost:
                self._resend(attach, lost)
        if flags & (ASK | BYE):
            if flags & BYE:
                self.detach("close", self.peer_name + " ended the session", now_ms)
            elif size >= at + 4:
                self._saw_clock(unpack_from("<I", packet, at)[0], now_ms)
                attach.arrived(number)
                attach.ack_at_ms = now_ms
            return
        if size > at + MESSAGE_BYTES:
            kind, ident, ref = unpack_from(MESSAGE, packet, at)
            at += MESSAGE_BYTES
            inbox = self.long if kind & LONG else self.short
            if inbox.new(ident):
                if kind & PART:
                    from .partial import take

                    body = take(self, inbox, ident, packet, at)
                    if body is None:
                        return
                else:
                    body = memoryview(packet)[at:]
                    if inbox.partial:
                        inbox.partial.pop(ident, None)
                if body:
                    inbox.deliver(ident)
                    self.owner.on_message(self, kind & 0x9F, ref, body)
            attach.arrived(number)
            attach.owes(size, now_ms)
        else:
            attach.arrived(number)

    # Time

    def tick(self, now_ms: int) -> None:
        """Does what is due: resending, asking for signs of life, giving a silent link up."""
        attach = self.attach
        if attach is None:
            return
        flight = attach.flight
        if flight and now_ms >= attach.timeout_ms():
            self._resend(attach, attach.timed_out(now_ms))
        silent_ms = now_ms - max(attach.heard_ms, self.patient_until_ms)
        asked_ms = now_ms - attach.asked_ms
        keepalive_ms = TIMES["keepalive"]
        if silent_ms >= TIMES["dead"]:
            if asked_ms < 2 * keepalive_ms:
                self.detach("lost", "nothing heard for %d ms" % silent_ms, now_ms)
                return
            # Nobody asked in time: it was us who stood still. One more chance.
            attach.heard_ms = now_ms - TIMES["dead"] + keepalive_ms
        # Now and then also where the link is busy, to follow the drift of the clocks.
        if min(asked_ms, max(silent_ms, asked_ms // 12)) >= keepalive_ms:
            attach.asked_ms = now_ms
            self.ask = True

    def deadline_ms(self) -> int:
        """When `tick` or `next_packet` has something to do at the latest, while attached."""
        attach = self.attach
        assert attach is not None
        heard_ms = max(attach.heard_ms, self.patient_until_ms)
        keepalive_ms = TIMES["keepalive"]
        deadline = min(
            max(heard_ms, attach.asked_ms) + keepalive_ms,
            attach.asked_ms + 12 * keepalive_ms,
            heard_ms + TIMES["dead"],
        )
        if attach.flight:
            deadline = min(deadline, attach.timeout_ms())
        if attach.ack_at_ms >= 0:
            deadline = min(deadline, attach.ack_at_ms)
        return deadline
