"""The serving side of streams: a command that returns a generator. No item is dropped."""

import asyncio

from ..core.packets import BEGUN, FIRST_CREDIT, REPLY
from ..core.values import encode
from .topics import QUEUE_ITEMS, Outgoing

MYPY = False
if MYPY:
    from typing import Any

    from .talk import Talk

_AHEAD = 16  # items made ahead of what the receiver has room for


class Stream(Outgoing):
    """Takes from a generator as the receiver's credit allows."""

    def __init__(self, talk: "Talk", ref: int, generator: "Any", credit: int) -> None:
        super().__init__(talk.session, ref, credit, QUEUE_ITEMS)
        self.talk = talk
        self.generator = generator
        self.error: Exception | None = None
        self.over = False

    def send(self, room_bytes: int) -> bool:
        """Sends one message of items, made now where the generator is a plain one."""
        if self.generator is not None:
            try:
                while self.has_room() and len(self.queue) < self.allowed():
                    self.add(encode(next(self.generator)))
            except StopIteration:
                self.over = True
                self.generator = None
            except Exception as error:
                self.error = error
                self.over = True
                self.generator = None
        if super().send(room_bytes):
            return True
        if self.over and not self.queue and self.ref in self.talk.outgoing:
            del self.talk.outgoing[self.ref]
            if self.error is None:
                self.talk.reply(REPLY, self.ref, self.messages)
            else:
                self.talk.fail(self.ref, self.error, self.messages)
            return True
        return False

    def has_room(self) -> bool:
        """Whether another item may be made ahead."""
        return not self.queue or (len(self.queue) < _AHEAD and self.room_bytes > 0)

    def add(self, item: tuple[int, bytes]) -> None:
        """Queues an encoded item; none is ever dropped."""
        self.room_bytes -= len(item[1])
        self.queue.append(item)
        self.session.wanted = True

    async def feed(self, source: "Any") -> None:
        """Takes from an asynchronous generator, and waits while the queue is full."""
        self.room = asyncio.Event()
        try:
            async for value in source:
                item = encode(value)
                while not self.has_room():
                    self.room.clear()
                    await self.room.wait()
                self.add(item)
                self.talk.node.kick(self.session)
        except Exception as error:
            self.error = error
        finally:
            self.over = True
            self.session.wanted = True
            self.talk.running.pop(self.ref, None)
            self.talk.node.kick(self.session)


class AsyncStream(Stream):
    """Takes from an asynchronous generator."""

    def __init__(self, talk: "Talk", ref: int, source: "Any", credit: int) -> None:
        super().__init__(talk, ref, None, credit)
        self.room = asyncio.Event()
        talk.running[ref] = talk.node.spawn(self.feed(source))

    def send(self, room_bytes: int) -> bool:
        sent = super().send(room_bytes)
        if self.has_room():
            self.room.set()
        return sent


def start(talk: "Talk", ref: int, value: "Any") -> None:
    """Streams what a command has returned: a generator, or an asynchronous one."""
    made = AsyncStream if hasattr(value, "__anext__") else Stream
    talk.reply(BEGUN, ref, {"items": 1})
    if made is Stream:
        value = iter(value)
    talk.outgoing[ref] = made(talk, ref, value, FIRST_CREDIT)
    talk.session.wanted = True
