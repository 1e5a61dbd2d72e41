"""A small event loop for the simulator: readable file descriptors and timers, nothing else."""

from __future__ import annotations

import heapq
import itertools
import os
import select
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

_MOST_FAULTS = 20


class Timer:
    """A call that is due at `when` (seconds of `time.monotonic`); `cancel()` takes it back."""

    def __init__(self, when: float, call: Callable[[], object]) -> None:
        self.when = when
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        """Take the call back; harmless when it has been made."""
        self.call = None


class EventLoop:
    """Calls back when a file descriptor is readable or writable, or a time has come."""

    def __init__(self) -> None:
        self._readers: dict[int, Callable[[], object]] = {}
        self._writers: dict[int, Callable[[], object]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self.running = True
        self._posted: deque[Callable[[], object]] = deque()
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._readers[self._wake_read] = self._run_posted

    def post(self, call: Callable[[], object]) -> None:
        """Have the loop's thread make a call soon; for other threads, as is `call`."""
        self._posted.append(call)
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            pass  # it is awake

    def call(self, function: Callable[[], object]) -> None:
        """Have the loop's thread make a call, and return once it is made."""
        if threading.current_thread() is self._thread or not self.running:
            function()
            return
        done = threading.Event()

        def made() -> None:
            try:
                function()
            finally:
                done.set()

        self.post(made)
        done.wait(5)

    def _run_posted(self) -> None:
        os.read(self._wake_read, 4096)
        while self._posted:
            self._posted.popleft()()

    def close(self) -> None:
        """Give the loop's own descriptors back, after `run` has returned."""
        os.close(self._wake_read)
        os.close(self._wake_write)

    def on_readable(self, fd: int, call: Callable[[], object] | None) -> None:
        """Call `call` whenever `fd` is readable; None ends it."""
        if call is None:
            self._readers.pop(fd, None)
        else:
            self._readers[fd] = call

    def on_writable(self, fd: int, call: Callable[[], object] | None) -> None:
        """Call `call` whenever `fd` is writable; None ends it."""
        if call is None:
            self._writers.pop(fd, None)
        else:
            self._writers[fd] = call

    def after(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Call `call` once in `delay_s` seconds."""
        return self.at(time.monotonic() + delay_s, call)

    def at(self, when: float, call: Callable[[], object]) -> Timer:
        """Call `call` once at `when` (`time.monotonic`)."""
        timer = Timer(when, call)
        heapq.heappush(self._timers, (when, next(self._count), timer))
        return timer

    def run(self) -> None:
        """Serve events until `running` is made false. What one raises is printed, and the others
        are served all the same: a world that stands still tells nobody why."""
        self._thread = threading.current_thread()
        faults = 0
        while self.running:
            try:
                self.turn()
            except Exception:
                faults += 1
                if faults > _MOST_FAULTS:
                    raise
                traceback.print_exc()

    def turn(self, most_s: float | None = None, also: Iterable[socket.socket] = ()) -> None:
        """Serve what is due; wait for it `most_s` at most (None: without end), or until one of the
        sockets in `also` is readable, which is left to the caller."""
        self._thread = threading.current_thread()
        timeout = most_s
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        if self._timers:
            due_s = max(0.0, self._timers[0][0] - time.monotonic())
            timeout = due_s if most_s is None else min(due_s, most_s)
        # select(2) rather than epoll: its timeout has microseconds, and there are few descriptors.
        waited_for: list[Any] = [*self._readers, *also]
        readable, writable, _ = select.select(waited_for, list(self._writers), [], timeout)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            call, timer.call = timer.call, None
            if call:
                call()
        for fd in readable:
            if fd in self._readers:
                self._readers[fd]()
        for fd in writable:
            if fd in self._writers:
                self._writers[fd]()
