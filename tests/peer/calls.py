"""Calls, streams and subscriptions over a session: section 6 of the specification."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from . import values, wire
from .session import Session
from .wire import CLOCKS, Message, distance

CREDIT = 16


class Failed(Exception):
    """A call that was answered by an error."""

    def __init__(self, kind: str, message: str, traceback: str, items: int, *_more: Any) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.traceback, self.items = kind, message, traceback, items


class Call:
    """A call of ours, and all that was answered to it so far, in the order of the numbers."""

    def __init__(self, ref: int, message: Message) -> None:
        self.ref = ref
        self.message = message
        self.begun: Any = None
        self.items: list[Any] = []
        self.numbers: list[int] = []  # of the items; a gap says that some were dropped (6.11)
        self.early: dict[int, tuple[int, list[Any]]] = {}
        self.following = 0  # the number of the message of items that is next
        self.reply: Any = None
        self.error: Failed | None = None
        self.answers: list[Message] = []

    @property
    def done(self) -> bool:
        """Answered, and all items that the answer counts have come."""
        if self.error is not None:
            return self.following >= self.error.items
        streams = bool(self.begun) and "items" in self.begun
        return bool(self.answers) and (not streams or self.following >= self.reply)

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.reply


class Peer(Session):
    """A session that calls, and that answers calls by `commands`: name -> function(peer, call)."""

    def __init__(self, **about: Any) -> None:
        super().__init__(**about)
        self.on_message = self.hear
        self.open: dict[int, Call] = {}
        self.last_ref = self.random.randrange(1, 65000)
        self.commands: dict[str, Callable[[Peer, Asked], Any]] = {}
        self.asked: dict[int, Asked] = {}
        self.cancelled: set[int] = set()
        self.unasked: list[Message] = []  # what came for no call of ours

    # Calling

    def begin(self, name: Any, *args: Any, deadline_ms: int | None = None, **at: Any) -> Call:
        """Queues a call; `deadline_ms` from now, negative for one that has passed (6.2)."""
        deadline = 0 if deadline_ms is None else (self.clock() + deadline_ms) % CLOCKS + 1
        raw, body = values.write([name, *args])
        return self.begin_raw(struct.pack("<I", deadline) + body, wire.RAW if raw else 0, **at)

    def begin_raw(self, body: bytes, flags: int = 0, ref: int | None = None, **at: Any) -> Call:
        """A call with any body at all, under any number."""
        if ref is None:
            ref = self.last_ref = self.last_ref % 65535 + 1
        call = Call(ref, self.queue(wire.CALL | flags, ref, body, **at))
        self.open[ref] = call
        return call

    def call(self, name: Any, *args: Any, timeout_s: float = 3, **more: Any) -> Any:
        call = self.begin(name, *args, **more)
        self.wait(call, timeout_s)
        return call.result()

    def wait(self, call: Call, timeout_s: float = 3) -> None:
        self.run(lambda: call.done, timeout_s)
        self.open.pop(call.ref, None)

    def error(self, name: Any, *args: Any, **more: Any) -> Failed:
        """The error that a call is expected to be answered with."""
        try:
            value = self.call(name, *args, **more)
        except Failed as failed:
            return failed
        raise AssertionError(f"no error but {value!r}")

    def cancel(self, call: Call) -> None:
        body = struct.pack("<BH", call.message.kind & wire.LONG, call.message.id)
        self.queue(wire.CANCEL, call.ref, body)

    def credit(self, call: Call, items: int) -> None:
        """So many items may have been sent in all, counted from the start (6.12)."""
        self.queue(wire.CREDIT, call.ref, struct.pack("<I", items % CLOCKS))

    def subscribe(self, topic: str, *queue_and_credit: int) -> Call:
        return self.begin("sys.subscribe", topic, *queue_and_credit)

    # What comes

    def hear(self, message: Message) -> None:
        what = message.what
        if what == wire.CALL:
            self._asked(message)
        elif what == wire.CANCEL:
            self._cancelled(message)
        elif what == wire.CREDIT:
            if message.ref in self.asked:
                asked = self.asked[message.ref]
                asked.may_send = max(asked.may_send, int.from_bytes(message.body, "little"))
        elif message.ref in self.open:
            self._answered(self.open[message.ref], message)
        else:
            self.unasked.append(message)

    def _answered(self, call: Call, message: Message) -> None:
        raw = bool(message.kind & wire.RAW)
        if message.what == wire.BEGUN:
            call.begun = values.read(message.body, raw)
        elif message.what == wire.REPLY:
            call.answers.append(message)
            call.reply = values.read(message.body, raw)
        elif message.what == wire.ERROR:
            call.answers.append(message)
            call.error = Failed(*values.read(message.body, raw))
        elif message.what == wire.ITEMS:
            number, first = struct.unpack_from("<HI", message.body)
            value = values.read(message.body[6:], raw)
            call.early[number] = (first, [value] if raw else value)
        while call.begun is not None and call.following in call.early:
            first, items = call.early.pop(call.following)
            call.following += 1
            call.items += items
            call.numbers += [(first + i) % CLOCKS for i in range(len(items))]

    # Answering

    def _asked(self, message: Message) -> None:
        if not message.ref or message.ref in self.asked:
            return  # 6.3
        asked = self.asked[message.ref] = Asked(self, message)
        where = (message.kind & wire.LONG, message.id)
        if where in self.cancelled or message.ref in self.cancelled:
            return asked.fail("Cancelled", "before it began")
        if asked.deadline is not None and distance(asked.deadline, self.clock(), CLOCKS) >= 0:
            return asked.fail("Expired", "its deadline has passed")
        if not isinstance(asked.name, str) or asked.name not in self.commands:
            return asked.fail("UnknownCommand", str(asked.name))
        try:
            value = self.commands[asked.name](self, asked)
        except Exception as e:  # whatever a test's command raises is told
            return asked.fail(type(e).__name__, str(e))
        if value is not asked:
            asked.reply(value)

    def _cancelled(self, message: Message) -> None:
        asked = self.asked.get(message.ref)
        if asked is not None and asked.on_cancel is not None:
            asked.on_cancel()
        elif asked is None:
            lane, id_ = struct.unpack("<BH", message.body)
            if self.receiving[lane & wire.LONG].wants(id_):
                self.cancelled.add((lane, id_))


class Asked:
    """A call of the node. A command that returns it answers later, by `reply`, `fail`, `items`."""

    def __init__(self, peer: Peer, message: Message) -> None:
        self.peer = peer
        self.message = message
        self.may_send = CREDIT
        self.sent = 0
        self.sent_messages = 0
        self.on_cancel: Callable[[], None] | None = None
        (deadline,) = struct.unpack_from("<I", message.body)
        self.deadline = (deadline - 1 + (peer.behind or 0)) % CLOCKS if deadline else None
        name, *self.args = values.read(message.body[4:], bool(message.kind & wire.RAW))
        self.name, self.named = name if isinstance(name, list) else (name, {})
        self.queued: deque[Any] = deque()

    def answer(self, kind: int, value: Any) -> None:
        raw, body = values.write(value)
        self.peer.queue(kind | (wire.RAW if raw else 0), self.message.ref, body)

    def begun(self, **what: Any) -> None:
        self.answer(wire.BEGUN, what)

    def reply(self, value: Any) -> None:
        self.peer.asked.pop(self.message.ref, None)
        self.answer(wire.REPLY, value)

    def fail(self, kind: str, message: str = "", traceback: str = "") -> None:
        self.peer.asked.pop(self.message.ref, None)
        self.answer(wire.ERROR, [kind, message, traceback, self.sent_messages])

    def items(self, items: list[Any], skipped: int = 0) -> None:
        """One message of items, `skipped` of which before it were dropped."""
        self.sent += skipped
        head = struct.pack("<HI", self.sent_messages, self.sent % CLOCKS)
        self.peer.queue(wire.ITEMS, self.message.ref, head + values.write(items)[1])
        self.sent_messages += 1
        self.sent += len(items)
