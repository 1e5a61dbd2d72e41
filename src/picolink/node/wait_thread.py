"""What the driver needs where no event loop runs: the calling thread polls (CPython only)."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from .clock import now_ms

_NEVER = 1 << 62
_LONGEST_MS = 1 << 30  # that poll takes


def later_ms(pollable: Any) -> int:
    """How long a port that is slower than its buffer wants no more (links/uart/host.py)."""
    told = getattr(pollable, "later_ms", None)
    return told() if told is not None else 0


class _Watch:
    def __init__(self, host: Host, link: Any, callback: Callable[[], None]) -> None:
        self._host = host
        self._link = link
        if link.pollable is None:
            link.on_ready = lambda: host.post(callback)
            link.on_ready()
        else:
            host.readers[link.pollable] = callback
            host.poll.register(link.pollable, select.POLLIN)
            host.wake()

    def stop(self) -> None:
        """Ends it, before the link is closed."""
        if self._link.pollable is None:
            self._link.on_ready = int
        elif self._host.readers.pop(self._link.pollable, None) is not None:
            self._host.poll.unregister(self._link.pollable)
            self._host.writers.pop(self._link.pollable, None)


class Host:
    """Polls for one node. Whoever calls `turn` leads: one thread at a time. `lock` guards the
    node and the core; it is free while the leader waits."""

    def __init__(self, tick: Callable[[], int | None]) -> None:
        self.lock = threading.RLock()
        self.poll = select.poll()
        self.readers: dict[int, Callable[[], None]] = {}
        self.writers: dict[int, Callable[[], None]] = {}
        self._tick = tick
        self.due_ms: int = _NEVER
        self._later: list[tuple[int, Callable[[], None]]] = []  # when to write more
        self._posted: deque[Callable[[], None]] = deque()
        self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.poll.register(self._wake_in, select.POLLIN)

    def turn(self, until_ms: int) -> None:
        """Waits for something to do, until `until_ms` at most, and does it."""
        wait_ms = min(until_ms, self.due_ms) - now_ms()
        events = self.poll.poll(min(max(wait_ms, 0), _LONGEST_MS))
        with self.lock:
            for fd, event in events:
                if fd == self._wake_in:
                    os.read(fd, 4096)
                    continue
                if event & select.POLLOUT and fd in self.writers:
                    self.poll.modify(fd, select.POLLIN)
                    self.writers.pop(fd)()
                if event & ~select.POLLOUT and fd in self.readers:
                    self.readers[fd]()
            while self._posted:
                self._posted.popleft()()
            if now_ms() >= self.due_ms:
                self.due_ms = _NEVER
                if self._later:
                    self._resume()
                deadline_ms = self._tick()
                if deadline_ms is not None:
                    self.call_by(deadline_ms)

    def _resume(self) -> None:
        """Has those write whose time has come."""
        waiting, self._later = self._later, []
        for at_ms, callback in waiting:
            if at_ms > now_ms():
                self._later.append((at_ms, callback))
                self.call_by(at_ms)
            else:
                callback()

    def wake(self) -> None:
        """Ends the leader's wait."""
        try:
            os.write(self._wake_out, b"\x01")
        except BlockingIOError:
            pass  # it is awake

    def post(self, callback: Callable[[], None]) -> None:
        """Has `callback` called by the leader; from any thread."""
        self._posted.append(callback)
        self.wake()

    def call_by(self, at_ms: int) -> None:
        """Has `tick` called by `at_ms`, or earlier."""
        if at_ms < self.due_ms:
            self.due_ms = at_ms

    def watch(self, link: Any, callback: Callable[[], None]) -> _Watch:
        """Has `callback` called whenever the link has something."""
        return _Watch(self, link, callback)

    def on_writable(self, pollable: int, callback: Callable[[], None]) -> None:
        """Has `callback` called once, when `pollable` takes something."""
        wait_ms = later_ms(pollable)
        if wait_ms > 0:
            at_ms = now_ms() + wait_ms
            self._later.append((at_ms, callback))
            self.call_by(at_ms)
            self.wake()
            return
        self.writers[pollable] = callback
        self.poll.modify(pollable, select.POLLIN | select.POLLOUT)
        self.wake()

    def close(self) -> None:
        """Frees what it holds of the system."""
        os.close(self._wake_in)
        os.close(self._wake_out)
