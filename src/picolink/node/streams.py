"""The serving side of streams: a command that returns a generator. No item is dropped."""

import asyncio

from ..core.errors import BadArguments
from ..core.packets import BEGUN, FIRST_CREDIT, REPLY
from .invoke import NONE, call, passes
from .outgoing import QUEUE_ITEMS, Outgoing, item_of

MYPY = False
if MYPY:
    from typing import Any

    from .command import Command
    from .talk import Talk

_AHEAD = 16  # items made ahead of what the receiver has room for
_END = object()  # what a generator gives when it has no more
_PAUSE = object()  # and what is told when there is no room for more


def _next(generator: "Any") -> "Any":
    return next(generator, _END)


async def _anext(generator: "Any") -> "Any":
    try:
        return await generator.__anext__()
    except StopAsyncIteration:
        return _END


def _items_of(value: "Any") -> "Any":
    """What gives the items of `value`, which a command has returned."""
    try:
        return iter(value)
    except TypeError:
        if hasattr(value, "__iter__"):
            raise  # its own
        if hasattr(value, "close"):
            value.close()  # a coroutine, which nobody will await
        kind = type(value).__name__
        raise BadArguments("it returned no items, but %s: a stream is a generator" % kind)


class Stream(Outgoing):
    """Takes from a generator as the receiver's credit allows. A generator that is asynchronous, or
    runs aside in another thread, is asked for one item at a time."""

    def __init__(self, talk: "Talk", ref: int) -> None:
        super().__init__(talk.session, ref, FIRST_CREDIT, QUEUE_ITEMS)
        self.talk = talk
        self.generator: Any = None
        self.error: BaseException | None = None
        self.over = False
        self.closed = False
        self._next: Any = _next
        self._direct = talk.node.aside is None  # taken from while the link is written to
        self._asked = False  # for the next item
        self._running: Any = None  # what makes it

    def begin(self, what: "Any", value: "Any", error: BaseException | None) -> None:
        """The command has returned."""
        if error is None:
            try:
                if hasattr(value, "__anext__"):
                    self._next = _anext
                    self._direct = False
                    self.generator = value
                else:
                    self.generator = _items_of(value)
                self.talk.reply(BEGUN, self.ref, {"items": 1})
            except BaseException as problem:
                if passes(problem):
                    raise
                error = problem
        if error is not None:
            self.talk.outgoing.pop(self.ref, None)
            self.talk.fail(self.ref, error, 0, True)
        elif self.closed:
            self._close()
        self._wake()

    def _wake(self) -> None:
        self.session.wanted = True
        self.talk.node.kick(self.session)

    def has_room(self) -> bool:
        """Whether another item may be made ahead."""
        return not self.queue or (len(self.queue) < _AHEAD and self.room_bytes > 0)

    def add(self, what: "Any", value: "Any", error: BaseException | None) -> None:
        """Queues an item that the generator gave; none is ever dropped."""
        self._asked = False
        if error is None and value is not _END and value is not _PAUSE:
            try:
                item = item_of(value)
                self.room_bytes -= len(item[1])
                self.queue.append(item)
                self.session.wanted = True
            except BaseException as problem:
                if passes(problem):
                    raise
                error = problem  # no value that can be sent
        if self.closed and error is not None:
            from .error_reply import NotBegun

            if not isinstance(error, (asyncio.CancelledError, NotBegun)):
                self.talk.node.report(error)  # nobody else is told of it
        if error is not None or value is _END:
            self.error = self.error or error
            self._finish()
        if not self._direct:
            self._wake()
            if self.closed:
                self._close()

    async def _feed(self) -> "Any":
        """Takes from an asynchronous generator while there is room."""
        while True:
            value = await _anext(self.generator)
            if value is _END or self.closed:
                return value
            self.add(None, value, None)
            if self.over or not self.has_room():
                return _PAUSE
            self._asked = True

    def _finish(self) -> None:
        self.over = True
        if self.error is not None:
            self._close()
        self.generator = None

    def _take(self) -> None:
        """Has the generator make what there is room for."""
        node = self.talk.node
        if self._direct:
            while self.generator is not None and self.has_room():
                if len(self.queue) > self.allowed():  # one ahead, so that an end is seen
                    break
                try:
                    value = _next(self.generator)
                except BaseException as error:
                    if passes(error):
                        raise
                    self.add(None, None, error)
                else:
                    self.add(None, value, None)
        elif not self._asked and self.has_room():
            self._asked = True
            if self._next is _anext and node.aside is None:
                self._running = call(node, self._feed, (), NONE, self.add, None)
            else:
                self._running = call(node, self._next, (self.generator,), NONE, self.add, None)

    def send(self, room_bytes: int) -> bool:
        """Sends one message of items, made now where the generator is a plain one."""
        if self.generator is not None:
            self._take()
        if super().send(room_bytes):
            return True
        if self.over and not self.queue and self.ref in self.talk.outgoing:
            if self.error is None:
                self.talk.reply(REPLY, self.ref, self.messages)
            else:
                self.talk.fail(self.ref, self.error, self.messages, True)
            del self.talk.outgoing[self.ref]
            return True
        return False

    def refused(self, error: Exception) -> None:
        """An item could not be sent: the stream can't go on."""
        del self.queue[1:]
        self.error = error
        self._finish()

    def close(self) -> None:
        """Nobody wants more: the generator's `finally` runs now, or once it has made the item that
        it is at."""
        self.closed = True
        self.over = True
        if not self._asked:
            self._close()
        elif self._running is not None:
            self._running.cancel()

    def _close(self) -> None:
        generator, self.generator = self.generator, None
        if generator is None:
            return
        close = getattr(generator, "aclose", None) or getattr(generator, "close", None)
        if close is not None:  # an iterator needs none
            call(self.talk.node, close, (), NONE, self._closed, None)

    def _closed(self, what: "Any", value: "Any", error: BaseException | None) -> None:
        if error is not None:
            self.talk.node.report(error)


def start(
    talk: "Talk", ref: int, command: "Command", args: "list[Any]", named: "dict[str, Any]"
) -> None:
    """Begins a stream: what its command returns is a generator, or an asynchronous one."""
    stream = Stream(talk, ref)
    try:
        talk.add(stream)
    except Exception as error:
        talk.fail(ref, error)
        return
    call(talk.node, command.function, args, named, stream.begin, None, False)
