"""This node's calls to one peer (spec 6). Sans-IO: asyncio and threads wait on it alike.

A call ends in one of three ways: done (its value), not done, unknown. Loaded by nodes that call.
"""

import gc
from struct import pack, unpack_from

from ...core.errors import (
    BadArguments,
    Busy,
    LinkError,
    NotDone,
    PicolinkError,
    RemoteError,
    TooBig,
    Unknown,
    UnknownCommand,
    UsageError,
)
from ...core.packets import (
    BEGUN,
    CALL,
    CANCEL,
    CLOCK,
    CREDIT,
    ERROR,
    FIRST_CREDIT,
    ITEMS,
    LONG,
    RAW,
    REPLY,
)
from ...core.timing import TIMES
from ...core.values import decode, encode
from ..invoke import guarded

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ...core.outbox import Message
    from ...core.session import Session

# A deadline so far away is not told to the peer: clocks on the wire count modulo 2^30.
_FAR_MS = CLOCK // 4
_DOUBT_MS = 2000
_QUEUE = 64  # messages that wait, before the next call is refused
_LONGEST_BLOCKING_S = 86400
_NOT_BEGUN = ("Cancelled", "Expired", "Busy")
_UNKNOWN = Unknown("the session is over; it may be done")  # where there is no memory to say more
_ERRORS = {error.__name__: error for error in (UnknownCommand, BadArguments, TooBig)}


def milliseconds(timeout_s: float | None) -> int | None:
    """A time-out as a user gives it, in milliseconds; 0: none. None stays None."""
    if timeout_s is None:
        return None
    if not isinstance(timeout_s, (int, float)) or not timeout_s >= 0:
        raise UsageError("timeout_s=%r: seconds, 0 for no time-out" % (timeout_s,))
    if timeout_s > 1e9:
        return 0
    return int(timeout_s * 1000) or int(timeout_s > 0)


class Call:
    """A call under way. `done` tells when `value` or `error` is there; `on_end` is called then."""

    named = False  # whether it is for whoever has the peer's name

    def __init__(self, name: str, ref: int, deadline_ms: int | None, extends: bool) -> None:
        self.name = name
        self.ref = ref
        self.deadline_ms = deadline_ms
        self.extends = extends  # whether a blocking command may move the deadline
        self.message: Message | None = None
        self.items: Items | None = None
        self.done = False
        self.value: Any = None
        self.error: Exception | None = None
        self.on_end: Callable[[], object] | None = None

    def result(self) -> "Any":
        """The value; raises what the call ended with instead of one."""
        if self.error is not None:
            raise self.error
        return self.value

    def end(self, value: "Any", error: Exception | None = None) -> None:
        """The call is over."""
        if self.done:
            return
        self.done = True
        self.value = value
        self.error = error
        if self.on_end is not None:
            self.on_end()


class Items:
    """What a stream or subscription brings, put in order; `on_items(seq, values)` takes it."""

    def __init__(self, window: int, on_items: "Callable[[int, list[Any]], object]") -> None:
        self.window = window  # items that the receiver has room for
        self.on_items = on_items
        self.next = 0  # message
        self.early: dict[int, tuple[int, list[Any]]] = {}
        self.came = 0  # items, no more than granted
        self.taken = 0  # items the receiver is done with
        self.granted = min(window, FIRST_CREDIT)  # a CREDIT could overtake the call itself
        self.meta: dict[str, Any] | None = None  # what they are; until it is known they wait
        self.last: tuple[int, Exception | None] | None = None  # messages in all, and how it ended

    def add(self, number: int, seq: int, values: "list[Any]") -> None:
        """Takes one message of items, in whatever order they come."""
        self.came += len(values) or 1
        if self.came > self.granted:
            raise ValueError("more items than it was given room for")
        self.early[number] = (seq, values)
        self.drain()

    def drain(self) -> None:
        """Hands over what has come in order."""
        while self.meta is not None and self.next in self.early:
            seq, values = self.early.pop(self.next)
            self.next = (self.next + 1) & 0xFFFF
            self.on_items(seq, values)

    def ended(self) -> bool:
        """Whether all of a finished stream has come."""
        if self.last is None:
            return False
        if self.meta is None and self.last[1] is None:  # no stream that was begun
            return False
        return self.next == self.last[0] & 0xFFFF


def _ran(error: PicolinkError) -> PicolinkError:
    """`error` of a call that was run, whatever such an error says else."""
    error.begun = True
    return error


def _sent(call: Call) -> bool:
    """Whether any of it may have left this node, ever."""
    return call.message is not None and call.message.begun()


class Calls:
    """A session's calls to its peer."""

    def __init__(self, session: "Session", first_ref: int) -> None:
        self.session = session
        self.open: dict[int, Call] = {}
        self.next_ref = first_ref
        self.unsaid: list[Any] = []  # method and arguments of what there was no memory to say
        self.closed: PicolinkError | None = None

    def start(
        self,
        name: str,
        args: "tuple[Any, ...]",
        named: "dict[str, Any]",
        timeout_ms: int | None,
        now_ms: int,
        items: Items | None = None,
        deadline_ms: int | None = None,
    ) -> Call:
        """Begins a call. `timeout_ms` None takes the usual one, 0 has none (streams never do);
        `deadline_ms` is that of a first try, which this one has to keep."""
        session = self.session
        if not isinstance(name, str):
            raise UsageError("%r: it is the name of a command" % (name,))
        if self.closed is not None:
            raise self._over(name, str(self.closed), False)
        out = session.out
        if len(out.short.waiting) + len(out.long.waiting) >= _QUEUE:
            why = "%d messages for %s wait already: wait for replies"
            raise Busy(why % (_QUEUE, session.peer_name))
        extends = timeout_ms is None
        if timeout_ms is None:
            timeout_ms = TIMES["call"]
        if deadline_ms is None and timeout_ms and items is None:
            deadline_ms = now_ms + timeout_ms
        first: Any = [name, named] if named else name
        flag, body = encode([first] + list(args))
        stamp = 0  # no deadline: the clock's 0 is told as 1
        if deadline_ms is not None and deadline_ms - now_ms < _FAR_MS:
            stamp = (deadline_ms & CLOCK) + 1
        while self.next_ref in self.open:
            self.next_ref = self.next_ref % 0xFFFF + 1
        ref = self.next_ref
        self.next_ref = ref % 0xFFFF + 1
        call = Call(name, ref, deadline_ms, extends)
        call.items = items
        call.message = session.send(CALL | flag, ref, pack("<I", stamp) + body)
        self.open[ref] = call
        return call

    def on_message(
        self, kind: int, ref: int, body: "bytes | memoryview", again: bool = False
    ) -> None:
        """Takes the peer's answer to a call; `again`: for which there was no memory before."""
        call = self.open.get(ref)
        if call is None:
            return  # it was given up meanwhile
        what = kind & 0x8F  # 0x80: of a later version
        items = call.items
        try:
            if not body:
                why = "the answer to %s is too large for us; it was run" % call.name
                self._end(call, None, _ran(TooBig(why)))
            elif what == REPLY:
                value = decode(kind, body)
                if items is None:
                    self._end(call, value)
                elif type(value) is int:
                    items.last = (value, None)
                    if items.meta is None:
                        self._doubt(call)
                else:
                    self._no_stream(call)
            elif what == ERROR:
                values = decode(kind, body)
                error = self._error(call.name, *values[:3])
                if items is None:
                    self._end(call, None, error)
                else:
                    items.last = (int(values[3]), error)
            elif what == ITEMS and items is not None:
                number, seq = unpack_from("<HI", body)
                values = decode(kind, body, 6)
                items.add(number, seq, values if not kind & RAW else [values])
            elif what == BEGUN:
                self._begun(call, decode(kind, body))
            if items is not None and items.ended():
                assert items.last is not None
                self._end(call, None, items.last[1])
        except MemoryError:
            if again:
                why = "there was no memory for what %s answered" % self.session.peer_name
                self.give_up(call, why)
            else:
                gc.collect()
                self.on_message(kind, ref, body, True)
        except Exception as error:  # what came is no answer
            why = "%s answered %s with what can't be read (%s)"
            error = RemoteError(why % (self.session.peer_name, call.name, error))
            if items is not None:
                self.abandon(call, error)
            else:
                self._end(call, None, error)

    def _doubt(self, call: Call) -> None:
        """A stream was answered before it was begun: where that does not come soon, and nothing
        is missing of what the peer has said, it is none."""
        session = self.session
        if call.deadline_ms is not None and not session.short.bits:
            self._no_stream(call)
            return
        call.deadline_ms = session.data.node.now_ms() + _DOUBT_MS
        if session.attach is not None:
            session.attach.port.wake()

    def _no_stream(self, call: Call) -> None:
        error = BadArguments("%s is no stream: use call(); it was run" % call.name)
        self._end(call, None, _ran(error))

    def _begun(self, call: Call, meta: "dict[str, Any]") -> None:
        blocking_s = min(meta.get("blocking_s", 0), _LONGEST_BLOCKING_S)
        session = self.session
        if blocking_s and session.attach is not None:
            until_ms = session.attach.heard_ms + int(blocking_s * 1000)
            session.patient_until_ms = until_ms = max(session.patient_until_ms, until_ms)
            if call.extends and call.deadline_ms is not None:
                call.deadline_ms = max(call.deadline_ms, until_ms + TIMES["call"])
        if call.items is not None:
            call.deadline_ms = None
            call.items.meta = meta
            call.items.drain()
        elif "items" in meta:
            # Its function may have run, as one does that returns an iterator.
            self.abandon(call, _ran(BadArguments("%s is a stream: use stream()" % call.name)))

    def _error(self, name: str, kind: str, message: str, traceback: str) -> PicolinkError:
        peer = self.session.peer_name
        if kind in _NOT_BEGUN:
            if kind == "Busy":
                return Busy("%s did not begin %s: %s" % (peer, name, message))
            return NotDone("%s was not run at %s: %s" % (name, peer, message))
        if kind == "UnknownCommand":
            return UnknownCommand("%s has no command %s" % (peer, message))
        if kind in _ERRORS:
            return _ERRORS[kind]("%s: %s" % (name, message))
        if kind in ("BadArgumentsError", "TooBigError"):  # it has begun (spec 6.5.1)
            return _ran(_ERRORS[kind[:-5]]("%s: %s" % (name, message)))
        return RemoteError("%s at %s: %s: %s" % (name, peer, kind, message), kind, traceback)

    def _end(self, call: Call, value: "Any", error: Exception | None = None) -> None:
        self.open.pop(call.ref, None)
        call.end(value, error)

    def grant(self, call: Call, taken: int) -> None:
        """The receiver is done with `taken` more items: the sender learns of it in good time."""
        items = call.items
        if items is None or call.done:
            return
        items.taken += taken
        room = items.taken + items.window
        if room - items.granted > items.window // 2:
            try:
                self.session.send(CREDIT, call.ref, pack("<I", room & CLOCK))
                items.granted = room
            except MemoryError:  # soon: else nothing more would come
                self.unsaid.append((self.grant, call, 0))

    def cancel(self, call: Call) -> None:
        """Gives a call up. What was not sent is taken back; the peer stops what it does for it."""
        if self.open.pop(call.ref, None) is not None:
            self._take_back(call)

    def _take_back(self, call: Call) -> None:
        out = self.session.out
        try:
            if not out.short.take_back(CALL, call.ref) and not out.long.take_back(CALL, call.ref):
                message = call.message
                assert message is not None
                about = pack("<BH", message.kind & LONG, message.id)
                self.session.send(CANCEL, call.ref, about)
        except MemoryError:  # soon: else the peer would go on with it
            self.unsaid.append((self._take_back, call))

    def give_up(self, call: Call, why: str) -> None:
        """Ends a call that nobody waits for any more."""
        error = self._over(call.name, why, _sent(call))
        self.abandon(call, error)

    def abandon(self, call: Call, error: Exception | None = None) -> None:
        """Ends a call with `error`, or as no longer wanted, and takes it back or cancels it there.
        It ends in any case, also where there is no memory to say so."""
        try:
            self.cancel(call)
        finally:
            call.end(None, error)

    def _over(self, name: str, why: str, sent: bool) -> PicolinkError:
        """How a call ended that was not answered: what may have left is never "not done"."""
        if sent:
            return Unknown("%s: %s; it may be done" % (name, why))
        return NotDone("%s: %s; it was not sent" % (name, why))

    def expire(self, now_ms: int) -> int | None:
        """Ends the calls whose deadline has passed; returns the next deadline."""
        earliest = None
        if self.unsaid:
            unsaid, self.unsaid = self.unsaid, []
            for say, *about in unsaid:
                say(*about)
        for call in list(self.open.values()):
            deadline_ms = call.deadline_ms
            if deadline_ms is not None and deadline_ms <= now_ms:
                if call.items is not None:
                    self._doubt(call)
                else:
                    self.abandon(call, self._timeout(call.name, _sent(call)))
                deadline_ms = None if call.done else call.deadline_ms
            if deadline_ms is not None and (earliest is None or deadline_ms < earliest):
                earliest = deadline_ms
        return earliest

    def _timeout(self, name: str, sent: bool) -> Exception:
        peer = self.session.peer_name or "the peer"
        if not sent and self.session.attach is not None:
            return NotDone("%s was never sent: %s took nothing more in time" % (name, peer))
        if not sent:
            why = "%s was never sent: no link to %s before the deadline" % (name, peer)
            for each in self.session.data.node.peers:
                if each.session is self.session and each.why:
                    why += " (%s)" % each.why
            return NotDone(why)
        if self.session.attach is None:
            why = "%s was sent, then the link to %s was lost: it may be done"
        else:
            why = "%s was sent, and %s did not answer in time: it may be done"
        return Unknown(why % (name, peer))

    def close(self, error: PicolinkError | None = None) -> None:
        """The session is over: what was sent is unknown, what was not is not done."""
        self.closed = error or LinkError("the session with %s is over" % self.session.peer_name)
        for call in list(self.open.values()):
            guarded(self.session.data.node, self._unanswered, call)

    def _unanswered(self, call: Call) -> None:
        """No answer comes any more. The call ends in any case, whatever there is memory for."""
        error: PicolinkError = _UNKNOWN
        try:
            error = self._over(call.name, str(self.closed), _sent(call))
        finally:
            self._end(call, None, error)
