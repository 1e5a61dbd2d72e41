"""What a node does for one peer: it runs the peer's calls and feeds its subscriptions (spec 6)."""

from struct import unpack_from

from ..core.failure import PicolinkError
from ..core.packets import CALL, CANCEL, CREDIT, ITEMS, LONG, REPLY
from ..core.seldom import seldom, starting
from ..core.values import decode, encode
from .invoke import NONE, call, guarded, passes

MYPY = False
if MYPY:
    from typing import Any

    from ..core.session import Session
    from .client.calls import Calls
    from .node import Node
    from .outgoing import Outgoing

# Bounds of what a peer can make us keep (spec 14).
_MAX_RUNNING = 16  # calls
_MAX_OUTGOING = 32  # streams and subscriptions
_MANY_OWED = 32  # answers that wait; more, and it is looked at closely
_MAX_OWED = 64  # answers that wait; twice as many, and it is no peer to talk to
_MAX_MARKS = 64  # of cancels that do not say which message they are about


class Talk:
    """One session, from the side of who serves it."""

    _first_ref = 0x3030  # of our next calls: both bytes none that frames must stuff, for a while

    @starting
    def __init__(self, node: "Node", session: "Session") -> None:
        self.node = node
        self.session = session
        self.running: dict[int, Any] = {}  # call that is not answered yet -> what can cancel it
        # Calls whose cancel came before them, and the lane and id of their messages, if known.
        self.cancelled: list[tuple[int, Any, int]] = []
        self.outgoing: dict[int, Outgoing] = {}
        self.subscribed: list[Any] = []  # what this node wants of every peer, and has asked for
        self.calls: Calls | None = None  # ours, made when this node first calls the peer

    @seldom
    def caller(self) -> "Calls":
        """This node's calls to the peer."""
        if self.calls is None:
            from .client.calls import Calls

            self.calls = Calls(self.session, self._first_ref)
        return self.calls

    @seldom
    def forget_calls(self) -> bool:
        """Lets go of what our calls need, 5 kB of a board, if none is under way."""
        calls = self.calls
        if calls is None or calls.closed is not None or calls.open or calls.unsaid:
            return False
        self._first_ref = calls.next_ref
        self.calls = None
        return True

    def on_message(self, kind: int, ref: int, body: "bytes | memoryview") -> None:
        """Takes a message of the session."""
        what = kind & 0x8F  # 0x80: of a later version
        if what == CALL:
            self._call(kind, ref, body)
        elif what == CANCEL:
            self._cancel(ref, body)
        elif what == CREDIT:
            if ref in self.outgoing:
                self.outgoing[ref].grant(body)
        elif self.calls is not None:
            self.calls.on_message(kind, ref, body)

    # Calls of the peer

    def _call(self, kind: int, ref: int, body: "bytes | memoryview") -> None:
        """Begins a call, or answers why not. Only what is raised before it begins may say so."""
        node = self.node
        out = self.session.out
        if (
            not ref or not body or self.cancelled or ref in self.outgoing
            or (self.running and (ref in self.running or len(self.running) >= _MAX_RUNNING))
            or out.long.waiting or (out.short.waiting and len(out.short.waiting) > _MANY_OWED)
        ):  # fmt: skip
            if not self._may_begin(ref, body):
                return
        try:
            deadline = unpack_from("<I", body)[0]
            request = decode(kind, body, 4)
            name = request.pop(0)
            named = NONE
            if isinstance(name, list):
                name, named = name
                if not isinstance(named, dict):
                    raise ValueError
            if deadline:
                now_ms = node.now_ms()
                if self.session.from_peer_clock(deadline - 1, now_ms) < now_ms:
                    self.refuse("Expired", "it came after its deadline")
            command = node.commands.get(name)
            if command is not None and command.check is not None:
                command.check(request, named)
        except Exception as error:
            self.fail(ref, error)
            return
        if command is None or command.stream or command.blocking_s:
            from .special import begin

            begin(self, ref, name, command, request, named)
        else:
            running = call(node, command.function, request, named, self.answer, ref)
            if running is not None:
                self.running[ref] = running

    @seldom
    def _may_begin(self, ref: int, body: "bytes | memoryview") -> bool:
        """Whether call `ref` may be run now; else it is answered, where it can be."""
        session = self.session
        if not ref or ref in self.running or ref in self.outgoing:
            session.ignored += 1  # an answer would be another call's
            return False
        out = session.out
        owed = len(out.short.waiting) + len(out.long.waiting)
        if owed >= 2 * _MAX_OWED:
            self.node.endpoint.close(session, self.node.now_ms())
            return False
        try:
            if self.cancelled and self._was_cancelled(ref):
                self.refuse("Cancelled", "cancelled before it began")
            if not body:
                from ..core.errors import TooBig

                why = "%s takes %d bytes at once, if it has memory for them"
                raise TooBig(why % (self.node.name, session.limit_bytes))
            if len(self.running) >= _MAX_RUNNING:
                self.refuse("Busy", "%d calls are under way" % _MAX_RUNNING)
            size = out.short.bytes + out.long.bytes
            for message in out.long.open + [each for each in out.long.waiting if not each.at]:
                if message.kind & 0x0F == ITEMS:  # which are no answers
                    size -= len(message.body)
            if owed >= _MAX_OWED or size > 2 * session.limit_bytes:
                self.refuse("Busy", "what you asked for waits to be acknowledged")
        except PicolinkError as error:
            self.fail(ref, error)
            return False
        return True

    @seldom
    def refuse(self, kind: str, message: str) -> None:
        """Answers the call that is about to begin with another kind than an exception's."""
        from .error_reply import NotBegun

        raise NotBegun(kind, message)

    def answer(self, ref: int, value: "Any", error: BaseException | None) -> None:
        """Answers call `ref` with what its command has returned, or raised."""
        try:
            if error is None:
                self.reply(REPLY, ref, value)
        except BaseException as problem:
            if passes(problem):
                raise
            error = problem  # it is no value, or there is no room for it
        late = self.running and self.running.pop(ref, None) is not None
        if error is not None:
            self.fail(ref, error, 0, True)
        if late:
            self.node.kick(self.session)

    @seldom
    def _cancel(self, ref: int, body: "bytes | memoryview") -> None:
        """The peer wants call `ref` no more, and does not say so twice."""
        try:
            self._stop(ref, body)
        except MemoryError:
            import gc

            gc.collect()
            self._stop(ref, body)

    @seldom
    def _stop(self, ref: int, body: "bytes | memoryview") -> None:
        """Ends call `ref`. `body`: lane and id of the call's message, if it is not yet begun by
        then it never is."""
        outgoing = self.outgoing.get(ref)
        if outgoing is not None:
            self.node.drop(outgoing)
            outgoing.close()
            self.outgoing.pop(ref, None)
            self.reply(REPLY, ref, outgoing.messages)
            return
        if ref in self.running:
            running = self.running[ref]
            if running is not None:
                running.cancel()
            return
        long = self.session.out.long
        for message in long.waiting:
            if message.ref == ref and message.kind & 0x0F == REPLY and not message.begun():
                from .tasks import stopped

                self.fail(ref, stopped())
                long.take_back(REPLY, ref)  # a slow link would carry it for nothing
                return
        self._forget_marks()
        if len(body) == 3:
            lane = self.session.long if body[0] & LONG else self.session.short
            ident = unpack_from("<H", body, 1)[0]
            if lane.new(ident):  # one for each of the ids that may come
                others = [mark for mark in self.cancelled if mark[1:] != (lane, ident)]
                self.cancelled = others + [(ref, lane, ident)]
        else:
            self.cancelled = self.cancelled[1 - _MAX_MARKS :] + [(ref, None, 0)]

    @seldom
    def _forget_marks(self) -> None:
        """Forgets cancels of which the call's message has come."""
        self.cancelled = [
            mark for mark in self.cancelled if mark[1] is None or mark[1].new(mark[2])
        ]

    @seldom
    def _was_cancelled(self, ref: int) -> bool:
        """Whether the cancel of call `ref`, which has come now, came before it."""
        marks = [mark for mark in self.cancelled if mark[0] != ref]
        found = len(marks) < len(self.cancelled)
        self.cancelled = marks
        self._forget_marks()
        return found

    def reply(self, kind: int, ref: int, value: "Any") -> None:
        """Answers call `ref`; `kind` is REPLY, BEGUN or ERROR."""
        flag, body = encode(value)
        self.session.send(kind | flag, ref, body)

    @seldom
    def fail(self, ref: int, error: BaseException, messages: int = 0, begun: bool = False) -> None:
        """Answers call `ref` with an error: [kind, message, traceback, messages sent before], cut
        to what the peer takes. `begun`: no kind is used that says otherwise."""
        from .error_reply import answer

        answer(self, ref, error, messages, begun)

    # Items for the peer

    @seldom
    def subscribe(self, ref: int, limit: int, credit: int) -> "Outgoing":
        """A queue for the subscription that call `ref` asked for."""
        from .outgoing import QUEUE_ITEMS, Outgoing

        outgoing = Outgoing(self.session, ref, credit, min(limit, QUEUE_ITEMS))
        self.add(outgoing)
        return outgoing

    @seldom
    def add(self, outgoing: "Outgoing") -> None:
        """One more stream or subscription; Busy where there are too many."""
        if len(self.outgoing) >= _MAX_OUTGOING:
            self.refuse("Busy", "%d streams and subscriptions are under way" % _MAX_OUTGOING)
        self.outgoing[outgoing.ref] = outgoing

    def on_room(self, room_bytes: int) -> bool:
        """The link takes another message: the first queue that has one sends it; False: none."""
        queues: Any = self.outgoing.values()
        if len(self.outgoing) > 1:
            from .outgoing import by_turns

            queues = by_turns(queues)
        for outgoing in queues:  # noqa: SIM110  # `any` would make a generator each time
            if outgoing.send(room_bytes):
                return True
        return False

    @seldom
    def close(self) -> None:
        """The session is over."""
        running, self.running = self.running, {}
        outgoing, self.outgoing = self.outgoing, {}
        for task in running.values():
            if task is not None:
                guarded(self.node, task.cancel)
        for subscriber in outgoing.values():
            self.node.drop(subscriber)
            guarded(self.node, subscriber.close)
        if self.calls is not None:
            guarded(self.node, self.calls.close)
