"""What a node does for one peer: it runs the peer's calls and feeds its subscriptions (spec 6)."""

from struct import unpack_from

from ..core.failure import PicolinkError
from ..core.packets import BEGUN, CALL, CANCEL, CREDIT, ERROR, REPLY
from ..core.seldom import seldom
from ..core.values import decode, encode

MYPY = False
if MYPY:
    from typing import Any

    from ..core.session import Session
    from .calls import Calls
    from .node import Command, Node
    from .topics import Outgoing

_MAX_RUNNING = 16
_NONE: "dict[str, Any]" = {}  # named arguments


class Talk:
    """One session, from the side of who serves it."""

    def __init__(self, node: "Node", session: "Session") -> None:
        self.node = node
        self.session = session
        self.running: dict[int, Any] = {}  # call -> its task
        self.cancelled: list[int] = []  # calls whose cancel came before them
        self.outgoing: dict[int, Outgoing] = {}
        self.subscribed: list[str] = []  # the topics that this node wants of every peer
        self.calls: Calls | None = None  # ours, made when this node first calls the peer

    @seldom
    def caller(self) -> "Calls":
        """This node's calls to the peer."""
        if self.calls is None:
            from .calls import Calls

            self.calls = Calls(self.session)
        return self.calls

    def on_message(self, kind: int, ref: int, body: bytes) -> None:
        """Takes a message of the session."""
        what = kind & 0x0F
        if what == CALL:
            self._call(kind, ref, body)
        elif what == CANCEL:
            self._cancel(ref)
        elif what == CREDIT:
            if ref in self.outgoing:
                self.outgoing[ref].grant(body)
        elif self.calls is not None:
            self.calls.on_message(kind, ref, body)

    # Calls of the peer

    def _call(self, kind: int, ref: int, body: bytes) -> None:
        node = self.node
        try:
            if self.cancelled or len(body) <= 4 or len(self.running) >= _MAX_RUNNING:
                self._check(ref, body)
            deadline = unpack_from("<I", body)[0]
            if deadline:
                now_ms = node.now_ms()
                if self.session.from_peer_clock(deadline - 1, now_ms) < now_ms:
                    self._refuse("Expired", "it came after its deadline")
            try:
                request = decode(kind, body, 4)
                name = request.pop(0)
                named = _NONE
                if isinstance(name, list):
                    name, named = name
                command = node.commands.get(name)
            except (ValueError, TypeError, AttributeError, IndexError):
                from ..core.errors import BadArguments

                raise BadArguments("the call can't be read") from None
            if command is None:
                if name[:4] == "sys.":
                    from .builtin import find

                    command = find(node, name)
                if command is None:
                    from ..core.errors import UnknownCommand

                    raise UnknownCommand(name)
            if command.check is not None:
                command.check(request, named)
            if command.inner:
                request.insert(0, self)
                request.insert(1, ref)
            elif node.execute is not None:
                node.execute(self, command, ref, request, named)
                return
            if command.blocking_s:
                self._run_later(command, ref, request, named)
            else:
                self.settle(command, ref, command.function(*request, **named))
        except Exception as error:
            self.fail(ref, error)

    @seldom
    def _check(self, ref: int, body: bytes) -> None:
        """Raises where call `ref` must not be run now."""
        if self.cancelled and self._was_cancelled(ref):
            self._refuse("Cancelled", "cancelled before it began")
        if len(body) <= 4:
            from ..core.errors import TooBig

            limit_bytes = self.session.limit_bytes
            raise TooBig("%s takes %d bytes at once" % (self.node.name, limit_bytes))
        if len(self.running) >= _MAX_RUNNING:
            self._refuse("Busy", "%d calls are under way" % _MAX_RUNNING)

    @seldom
    def _refuse(self, kind: str, message: str) -> None:
        raise NotBegun(kind, message)

    @seldom
    def _was_cancelled(self, ref: int) -> bool:
        """Whether the cancel of call `ref` came before it. Old marks go: their calls came first."""
        found = ref in self.cancelled
        self.cancelled = [
            mark for mark in self.cancelled if mark != ref and (ref - mark + 512) & 0xFFFF < 1024
        ]
        return found

    @seldom
    def _run_later(
        self, command: "Command", ref: int, args: "list[Any]", named: "dict[str, Any]"
    ) -> None:
        """Runs a command that blocks, once the peer was told that it does."""

        def run() -> None:
            try:
                self.settle(command, ref, command.function(*args, **named))
            except Exception as error:
                self.fail(ref, error)

        self.reply(BEGUN, ref, {"blocking_s": command.blocking_s})
        self.node.later.append(run)

    def settle(self, command: "Command", ref: int, value: "Any") -> None:
        """Answers call `ref` with what the command's function has returned."""
        if command.stream:
            from .streams import start

            start(self, ref, value)
        elif hasattr(value, "send"):  # a coroutine, on both interpreters
            self.running[ref] = self.node.spawn(self.finish(ref, value))
        elif not command.inner or value is not None:
            self.reply(REPLY, ref, value)

    @seldom
    async def finish(self, ref: int, coroutine: "Any") -> None:
        """Answers call `ref` with what the coroutine returns."""
        try:
            value = await coroutine
            self.reply(REPLY, ref, value)
        except Exception as error:
            self.fail(ref, error)
        except BaseException:  # cancelled
            self.fail(ref, NotBegun("Cancelled", "cancelled while it ran"))
        finally:
            self.running.pop(ref, None)
            self.node.kick(self.session)

    @seldom
    def _cancel(self, ref: int) -> None:
        outgoing = self.outgoing.pop(ref, None)
        if outgoing is not None:
            self.node.drop(outgoing)
            self.reply(REPLY, ref, outgoing.messages)
        task = self.running.get(ref)
        if task is not None:
            task.cancel()
        elif outgoing is None:  # perhaps the call is still on its way
            self.cancelled = self.cancelled[-7:] + [ref]

    def reply(self, kind: int, ref: int, value: "Any") -> None:
        """Answers call `ref`; `kind` is REPLY, BEGUN or ERROR."""
        flag, body = encode(value)
        self.session.send(kind | flag, ref, body)

    @seldom
    def fail(self, ref: int, error: Exception, messages: int = 0) -> None:
        """Answers call `ref` with an error: [kind, message, traceback, messages sent before]."""
        kind = type(error).__name__
        text = ""
        if isinstance(error, NotBegun):
            kind = error.kind
        elif not isinstance(error, PicolinkError):
            from .trace import called_wrongly, format_traceback

            text = format_traceback(error)
            if called_wrongly(error, text):
                kind = "BadArguments"
                text = ""
            else:
                print(text)
        self.reply(ERROR, ref, [kind, str(error), text, messages])

    # Items for the peer

    @seldom
    def subscribe(self, ref: int, limit: int, credit: int) -> "Outgoing":
        """A queue for the subscription or stream that call `ref` asked for."""
        from .topics import QUEUE_ITEMS, Outgoing

        outgoing = Outgoing(self.session, ref, credit, min(limit, QUEUE_ITEMS))
        self.outgoing[ref] = outgoing
        return outgoing

    def on_room(self, room_bytes: int) -> None:
        """The link takes another message: the first queue that has one sends it."""
        for ref, outgoing in self.outgoing.items():
            if outgoing.send(room_bytes):
                if len(self.outgoing) > 1:  # the others first next time
                    self.outgoing[ref] = self.outgoing.pop(ref)
                return
        self.session.wanted = False

    @seldom
    def close(self) -> None:
        """The session is over."""
        for task in self.running.values():
            if task is not None:
                task.cancel()
        for outgoing in self.outgoing.values():
            self.node.drop(outgoing)
        self.outgoing = {}
        if self.calls is not None:
            self.calls.close()


@seldom
class NotBegun(PicolinkError):
    """Answers a call that was not run: `kind` says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
