"""What the driver needs where no event loop runs: the calling thread polls (CPython only)."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ...links.host.abilities import Paced
from ..clock import now_ms
from ..invoke import guarded

_NEVER = 1 << 62
_LONGEST_MS = 1 << 30  # that poll takes


def later_ms(pollable: Any) -> int:
    """How long a port that is slower than its buffer wants no more (links/uart/host.py)."""
    return pollable.later_ms() if isinstance(pollable, Paced) else 0


class _Watch:
    def __init__(self, host: Host, link: Any, callback: Callable[[], None]) -> None:
        self._host = host
        self._link = link
        if link.pollable is None:
            link.on_ready = lambda: host.post(callback)
            link.on_ready()
        else:
            host.readers[link.pollable] = callback
            host.want(link.pollable, select.POLLIN)

    def stop(self) -> None:
        """Ends it, before the link is closed."""
        if self._link.pollable is None:
            self._link.on_ready = int
        elif self._host.readers.pop(self._link.pollable, None) is not None:
            self._host.writers.pop(self._link.pollable, None)
            self._host.want(self._link.pollable, 0)


class Host:
    """Polls for one node. Whoever calls `turn` leads; a second one, where the first can't go on
    (a signal's handler that calls in the middle of its wait), polls beside it. `lock` guards the
    node and the core; it is free while they wait."""

    def __init__(self, tick: Callable[[], int | None], node: Any = None, lock: Any = None) -> None:
        self.lock: Any = lock or threading.RLock()
        self.readers: dict[Any, Callable[[], None]] = {}
        self.writers: dict[Any, Callable[[], None]] = {}
        self.node = node  # hears what callbacks let out
        self.due_ms: int = _NEVER
        self.turns = 0  # ended
        self._tick = tick
        self._later: list[tuple[int, Callable[[], None]]] = []  # when to write more
        self._posted: deque[Callable[[], None]] = deque()
        self._wanted: dict[Any, int] = {}  # pollable -> events
        self._poll = select.poll()
        self._poll_used = False
        self._polling = 0  # threads that wait
        self._closed = False
        self._pipe = threading.Lock()  # held while something is written to it, or it is closed
        with self.lock:  # a Ctrl-C that comes now would leave it open
            self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.want(self._wake_in, select.POLLIN)

    def want(self, pollable: Any, events: int) -> None:
        """Has `events` of a port waited for from now on; 0: none any more."""
        with self.lock:
            if events:
                self._wanted[pollable] = events
                self._poll.register(pollable, events)
            elif self._wanted.pop(pollable, None) is not None:
                self._poll.unregister(pollable)
            if self._polling:
                self.wake()

    def turn(self, until_ms: int) -> None:
        """Waits for something to do, until `until_ms` at most, and does it."""
        mine = None
        try:
            with self.lock:
                self._polling += 1
                mine = self._poller()
                wait_ms = min(until_ms, self.due_ms) - now_ms()
            events = mine.poll(min(max(wait_ms, 0), _LONGEST_MS))
        except BaseException:  # a signal's handler raised
            with self.lock:
                self._left(mine)
            raise
        with self.lock:
            self._left(mine)
            self.turns += 1
            for pollable, event in events:
                self._happened(pollable, event)
            while self._posted:
                guarded(self.node, self._posted.popleft())
            if now_ms() >= self.due_ms:
                self.due_ms = _NEVER
                if self._later:
                    self._resume()
                deadline_ms = self._tick()
                if deadline_ms is not None:
                    self.call_by(deadline_ms)

    def _left(self, poller: Any) -> None:
        """A thread waits no more."""
        if poller is not None:
            self._polling -= 1
            if poller is self._poll:
                self._poll_used = False
        if self._closed and not self._polling:
            self._close_pipe()

    def _poller(self) -> select.poll:
        """What to poll with: a poll object takes one thread at a time."""
        if not self._poll_used:
            self._poll_used = True
            return self._poll
        poller = select.poll()
        for pollable, events in self._wanted.items():
            poller.register(pollable, events)
        return poller

    def _happened(self, pollable: Any, event: int) -> None:
        if pollable == self._wake_in:
            if not self._closed:
                try:
                    os.read(pollable, 4096)
                except BlockingIOError:
                    pass  # another one has read it
            return
        if event & select.POLLOUT and pollable in self.writers:
            self.want(pollable, select.POLLIN)
            guarded(self.node, self.writers.pop(pollable))
        if event & ~select.POLLOUT and pollable in self.readers:
            guarded(self.node, self.readers[pollable])

    def _resume(self) -> None:
        """Has those write whose time has come."""
        waiting, self._later = self._later, []
        for at_ms, callback in waiting:
            if at_ms > now_ms():
                self._later.append((at_ms, callback))
                self.call_by(at_ms)
            else:
                guarded(self.node, callback)

    def wake(self) -> None:
        """Ends the wait of whoever polls."""
        with self._pipe:
            if not self._closed:
                try:
                    os.write(self._wake_out, b"\x01")
                except BlockingIOError:
                    pass  # they are awake

    def post(self, callback: Callable[[], None]) -> None:
        """Has `callback` called by the leader; from any thread."""
        self._posted.append(callback)
        self.wake()

    def call_by(self, at_ms: int) -> None:
        """Has `tick` called by `at_ms`, or earlier."""
        if at_ms < self.due_ms:
            self.due_ms = at_ms
            if self._polling:  # it waits for a later time
                self.wake()

    def watch(self, link: Any, callback: Callable[[], None]) -> _Watch:
        """Has `callback` called whenever the link has something."""
        return _Watch(self, link, callback)

    def on_writable(self, pollable: Any, callback: Callable[[], None]) -> None:
        """Has `callback` called once, when `pollable` takes something."""
        wait_ms = later_ms(pollable)
        if wait_ms > 0:
            at_ms = now_ms() + wait_ms
            self._later.append((at_ms, callback))
            self.call_by(at_ms)
            return
        self.writers[pollable] = callback
        self.want(pollable, select.POLLIN | select.POLLOUT)

    def forked(self, lock: Any) -> None:
        """This is the child of a fork: what threads that are not here may hold is made anew."""
        self.lock = lock
        self._pipe = threading.Lock()
        self._polling = 0

    def close(self) -> None:
        """Frees what it holds of the system, once nobody polls any more."""
        self.wake()
        with self.lock:
            if not self._closed:
                self._closed = True
                if not self._polling:
                    self._close_pipe()

    def __del__(self) -> None:
        # Of a connection that a Ctrl-C prevented before anybody had it.
        if getattr(self, "_wake_out", -1) >= 0:
            with contextlib.suppress(OSError):  # the program has closed all that was open
                self._close_pipe()

    def _close_pipe(self) -> None:
        with self._pipe:
            if self._wake_in >= 0:
                os.close(self._wake_in)
                os.close(self._wake_out)
                self._wake_in = self._wake_out = -1
