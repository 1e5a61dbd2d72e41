"""One session on one link: packet numbers, acknowledgements, round-trip times (spec 4).

Every transmission has a fresh packet number, so an acknowledgement says exactly which one
arrived, a round trip is never measured over a resend, and no cipher nonce comes twice.
The timeouts follow RFC 6298, the loss by later packets RFC 9002 section 6.1.1.
"""

from .packets import ALL, MIN_MTU_BYTES, OVERHEAD_BYTES, WINDOW
from .seldom import seldom, starting
from .timing import TIMES

MYPY = False
if MYPY:
    from .outbox import Message
    from .packets import Hello
    from .port import Port
    from .session import Session

    # packet number, when it was sent, its bytes, what it carried: message (or None), start, end
    Flight = tuple[int, int, int, Message | None, int, int]

_NONE: "list[Flight]" = []
_DOUBT = 9  # at which fragments halve
_REORDER = 3  # a packet is lost when one sent so much later has arrived


class Attach:
    """The numbers of one attach, both directions. Times are milliseconds of the caller's clock."""

    dialed = False  # from here
    doubt = 0  # whether smaller packets would be lost less, see `_doubted`

    @starting
    def __init__(self, session: "Session", port: "Port", tag: int, now_ms: int) -> None:
        self.session = session
        self.port = port
        self.tag = tag  # the peer puts it into every packet for us
        self.hello: Hello | None = None  # the peer's
        self.number = 0  # the packet number to use next
        self.top = (tag - 1) & 0xFFFF  # highest packet number received
        self.seen = ALL  # bitmap of the WINDOW numbers below it
        self.flight: list[Flight] = []
        self.older: Attach | None = None  # once it is over, see `Session._let_go`
        self.flight_bytes = 0
        self.room_bytes = 0  # for the body of a message
        self.srtt_ms = -1
        self.var_ms = 0
        self.rto_ms = max(TIMES["rto_first"], TIMES["rto_min"] * port.stalls)
        self.losses = 0  # timeouts in a row
        self.probed_ms = 0  # when the last timeout was
        self.ack_at_ms = -1  # when an acknowledgement is due, or -1
        self.owed_bytes = 0  # not acknowledged yet
        self.heard_ms = self.asked_ms = self.due_ms = now_ms

    @starting
    def welcome(self, hello: "Hello") -> None:
        """The peer's hello is here: its tag, and what it takes."""
        self.hello = hello
        self.peer_tag = hello.tag
        self.number = hello.tag & 0xFFFF
        mtu_bytes = max(MIN_MTU_BYTES, min(hello.mtu_bytes, self.port.mtu_bytes))
        self.room_bytes = self.full_room_bytes = mtu_bytes - OVERHEAD_BYTES
        self.window_bytes = hello.window_bytes

    def fresh(self, number: int) -> bool:
        """Whether a packet of this number was not here before and is not too old to tell."""
        behind = (self.top - number) & 0xFFFF
        return behind > 0x8000 or (0 < behind <= WINDOW and not self.seen >> (behind - 1) & 1)

    def arrived(self, number: int) -> None:
        """Notes the number of a packet that is fresh."""
        ahead = (number - self.top) & 0xFFFF
        if ahead >= 0x8000:
            self.seen |= 1 << (0xFFFF - ahead)
            return
        self.top = number
        if ahead != 1 or self.seen != ALL:
            # Masked before it is shifted: on a board integers from 2^30 allocate.
            keep = self.seen & ALL >> ahead
            self.seen = keep << ahead | 1 << (ahead - 1) if ahead <= WINDOW else 0

    def sent(self, entry: "Flight") -> None:
        """Counts a packet that wants an acknowledgement as under way."""
        self.flight.append(entry)
        self.flight_bytes += entry[2]

    def acknowledged(self, top: int, seen: int, now_ms: int) -> "list[Flight]":
        """Settles those packets under way that the peer has; returns those that are lost, to be
        sent again. They stay under way until that is noted, see `gone`."""
        if (self.number - 1 - top) & 0xFFFF >= 0x8000:
            return _NONE  # it is about packets never sent
        flight = self.flight
        entry = flight[0]
        if len(flight) > 1 or entry[0] != top:
            return self._settle(top, seen, now_ms)
        flight.clear()  # the usual case, without new lists
        self.flight_bytes = 0
        if entry[3] is not None:
            entry[3].delivered(entry[4], entry[5])
        self._measured(now_ms - entry[1], entry[2])
        return _NONE

    def _settle(self, top: int, seen: int, now_ms: int) -> "list[Flight]":
        """The same, whatever is under way. Apart, since on a board a function with many variables
        takes them from the heap."""
        flight = self.flight
        lost: list[Flight] = []
        newest = -1
        largest = arrived = at = 0
        while at < len(flight):
            entry = flight[at]
            behind = (top - entry[0]) & 0xFFFF
            if behind == 0 or (behind <= WINDOW and seen >> (behind - 1) & 1):
                flight.pop(at)
                arrived += 1
                newest = entry[1]
                self.flight_bytes -= entry[2]
                largest = max(largest, entry[2])
                if entry[3] is not None:
                    entry[3].delivered(entry[4], entry[5])
                continue
            if _REORDER <= behind < 0x8000:
                lost.append(entry)
            at += 1
        if newest >= 0:
            self._measured(now_ms - newest, largest)
        if lost or self.doubt:
            self._doubted(len(lost), arrived)
        return lost

    @seldom
    def gone(self, entry: "Flight") -> None:
        """A packet is under way no more: what it carried is to be sent again."""
        self.flight.remove(entry)
        self.flight_bytes -= entry[2]

    @seldom
    def _doubted(self, lost: int, arrived: int) -> None:
        """Of the packets under way so many were lost, so many arrived. Where a quarter or more is
        lost, smaller ones may be what a noisy link lets through; fewer are sent again at less
        cost than the heads of many small ones have."""
        self.doubt = max(0, self.doubt + 3 * lost - arrived)
        if self.doubt >= _DOUBT:
            self._shrink()

    @seldom
    def _shrink(self) -> None:
        self.doubt = 0
        self.room_bytes = max(MIN_MTU_BYTES - OVERHEAD_BYTES, self.room_bytes // 2)

    def _measured(self, rtt_ms: int, size: int) -> None:
        room_bytes = self.room_bytes
        if room_bytes < self.full_room_bytes and size > room_bytes:
            self.room_bytes = min(room_bytes + room_bytes // 2, self.full_room_bytes)
        if rtt_ms == self.srtt_ms and not self.var_ms and not self.losses:
            return  # all of the following is so already
        if self.srtt_ms < 0:
            self.srtt_ms = rtt_ms
            self.var_ms = rtt_ms // 2
        else:
            self.var_ms += (abs(self.srtt_ms - rtt_ms) - self.var_ms) // 4
            self.srtt_ms += (rtt_ms - self.srtt_ms) // 8
        self.losses = 0
        # A queue before a slow line grows by a window at once; and the peer may keep an
        # acknowledgement back for TIMES["ack"].
        self.usual_ms = self.srtt_ms + max(4 * self.var_ms, self.srtt_ms) + 2 * TIMES["ack"]
        rto_min_ms = TIMES["rto_min"] * self.port.stalls
        self.rto_ms = max(rto_min_ms, min(self.usual_ms, TIMES["rto_max"]))

    def timeout_ms(self) -> int:
        """When the oldest packet under way is given up."""
        return max(self.flight[0][1], self.probed_ms) + self.rto_ms

    @seldom
    def timed_out(self, now_ms: int) -> "list[Flight]":
        """The packets under way, if for longer than the timeout: they count as lost, as those that
        `acknowledged` returns. The timeout doubles, and the fragments halve: what is too big for
        the link may be why."""
        if not self.flight or now_ms < self.timeout_ms():
            return []
        # Of the others those that should have been acknowledged too; where there is a queue
        # before the line, most are only waiting in it.
        lost = [
            entry
            for entry in self.flight
            if entry is self.flight[0] or (self.srtt_ms >= 0 and now_ms - entry[1] >= self.usual_ms)
        ]
        self.probed_ms = now_ms
        self.losses += 1
        self.rto_ms = min(2 * self.rto_ms, TIMES["rto_max"])
        self._shrink()
        return lost

    def owes(self, size: int, now_ms: int) -> None:
        """A packet of `size` bytes that wants an acknowledgement has arrived."""
        self.owed_bytes += size + self.port.prompt_bytes // 8
        if self.owed_bytes >= self.port.prompt_bytes or self.seen != ALL:
            self.ack_at_ms = now_ms
        elif self.ack_at_ms < 0:
            self.ack_at_ms = now_ms + TIMES["ack"]

    def full(self) -> bool:
        """Whether the window leaves no room for another packet."""
        flight = self.flight
        return bool(flight) and (
            (self.number - flight[0][0]) & 0xFFFF >= WINDOW
            or self.flight_bytes >= self.window_bytes
        )
