"""What a subscription or stream brings to a blocking program (CPython only)."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from ...core.errors import UsageError
from ...core.timing import TIMES
from ..after import after
from ..client.calls import Call
from ..invoke import tell
from .lead import EVER
from .threaded_client import ThreadedClient


class Intake:
    """What has come and nobody has taken yet. The connection knows this, and not the Feed that the
    program has: so one is noticed that no program has any more."""

    latest = False  # the newest is asked for when the program wants it, and not ahead
    closed = False  # by the program

    def __init__(self, client: ThreadedClient, whole: bool = False) -> None:
        self.client = client
        self.whole = whole  # a stream: that it ends says that all of it has come
        self.queue: list[Any] = []
        self.call: Call | None = None
        self._begin: Callable[[], Call] | None = None  # of a subscription

    def take(self, call: Call, batch: list[Any]) -> None:
        """Takes what has come."""
        self.queue.extend(batch)

    def keep(self, begin: Callable[[], Call]) -> None:
        """Begins it, and again in each new session with the board; the lock is held."""
        self.call = begin()
        self._begin = begin
        self.client.kept.append(self)

    def renew(self) -> None:
        """Begins it in a new session; where that fails, for want of memory, later. The lock is
        held."""
        assert self._begin is not None
        try:
            self.call = self._begin()
        except Exception as error:
            node = self.client.node
            after(node, TIMES["retry_max"], self.again)
            tell(node, error)

    def again(self) -> None:
        """Begins it once more in this session, where it is still wanted; the lock is held."""
        if self in self.client.kept and (self.call is None or self.call.done):
            self.renew()  # else a new session has it already
            self.client.send()

    def ready(self) -> bool:
        """Whether there is something to take, or nothing more will come."""
        return bool(self.queue) or self.call is None or self.call.done

    def over(self) -> bool:
        """Whether there is nothing to be ended."""
        return self._begin is None and (self.call is None or self.call.done)

    def close(self) -> None:
        """Ends it; the lock is held."""
        self.closed = True
        call = self.call
        if self in self.client.kept:
            self.client.kept.remove(self)
        if call is not None and not call.done:
            self.client.calls().abandon(call)
            self.client.send()


class Feed:
    """What a subscription or stream has brought and nobody has taken yet; an iterator.

    `for reading in feed` waits for each; `close` ends it, and so does letting go of it.
    """

    def __init__(self, intake: Intake, lasts: bool = False) -> None:
        self._intake = intake  # first: whatever comes between, it is let go of
        self._lasts = lasts  # for a callback: it goes on though nobody has this object
        if not lasts:
            intake.client.intakes.append((weakref.ref(self), intake))
        self._taken: list[Any] = []
        self._owed = 0  # of these the room is not given back
        self.deadline_ms = EVER

    @property
    def call(self) -> Call | None:
        """The call that brings it: `done` once nothing more will come."""
        return self._intake.call

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        intake = self._intake
        client = intake.client
        if intake.closed or (self.deadline_ms < EVER and client.node.now_ms() >= self.deadline_ms):
            raise StopIteration
        if self._owed:
            with client.host.lock:
                self._grant()
        while not self._taken:
            client.wait(intake.ready, self.deadline_ms)
            with client.host.lock:
                self._taken, intake.queue = intake.queue, []
                if self._taken:
                    self._taken.reverse()
                    self._owed = len(self._taken)
                    if not intake.latest:
                        self._grant()
                elif client.closed.is_set():
                    if isinstance(client.failed, UsageError):  # of another process
                        raise client.failed
                    if intake.whole and not intake.closed and intake.call is not None:
                        intake.call.result()
                    raise StopIteration
                elif intake.ready():
                    if intake.call is not None:
                        intake.call.result()
                    raise StopIteration
                elif client.node.now_ms() >= self.deadline_ms:
                    raise StopIteration
        return self._taken.pop()

    def _grant(self) -> None:
        """Gives the room back of what was taken; the lock is held."""
        owed, self._owed = self._owed, 0
        call = self._intake.call
        if call is not None:
            self._intake.client.calls().grant(call, owed)
            self._intake.client.send()

    def close(self) -> None:
        """Ends it; nothing more comes, also of what is here already."""
        client = self._intake.client
        with client.host.lock:
            self._intake.close()
        client.lead.notify()

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Wherever the collector runs: whoever has the lock next ends it. Where a signal comes
        # between, `forget_forsaken` does.
        intake = getattr(self, "_intake", None)
        if intake is not None and not self._lasts and not intake.over():
            intake.client.node.later.append(intake.close)


def forget_forsaken(client: ThreadedClient) -> None:
    """Ends what no program has any more; the lock is held."""
    kept = []
    for feed, intake in client.intakes:
        if feed() is None:
            intake.close()
        elif not intake.over():
            kept.append((feed, intake))
    client.intakes = kept
