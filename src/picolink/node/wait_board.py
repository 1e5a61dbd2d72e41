"""What the driver needs of MicroPython's asyncio: waiting for links and for a time."""

import asyncio

from .clock import now_ms

_NEVER_MS = (1 << 29) - 1


class _Watch:
    """Calls `callback` whenever a link has something. One that can't be polled says so."""

    def __init__(self, link, callback) -> None:  # type: ignore[no-untyped-def]
        self._on = True
        self._task = asyncio.create_task(self._run(link, callback))

    def _run(self, link, callback):  # type: ignore[no-untyped-def]
        pollable = link.pollable
        if pollable is None:
            ready = asyncio.Event()
            link.on_ready = ready.set
            ready.set()
        while self._on:
            if pollable is None:
                yield from ready.wait()
                ready.clear()
            else:
                yield asyncio.core._io_queue.queue_read(pollable)
            if self._on:
                callback()

    def stop(self) -> None:
        """Ends it; a callback may end its own."""
        self._on = False
        if asyncio.core.cur_task is not self._task:
            self._task.cancel()


def _once_writable(pollable, callback):  # type: ignore[no-untyped-def]
    yield asyncio.core._io_queue.queue_write(pollable)
    callback()


class Host:
    """The running event loop, for one node. `tick` is called when its time has come."""

    def __init__(self, tick) -> None:  # type: ignore[no-untyped-def]
        self._tick = tick
        self.due_ms = 0
        self._asleep = False
        self._task = asyncio.create_task(self._timer())

    def _timer(self):  # type: ignore[no-untyped-def]
        while True:
            self.due_ms = now_ms() + _NEVER_MS
            deadline_ms = self._tick()
            if deadline_ms is not None and deadline_ms < self.due_ms:
                self.due_ms = deadline_ms
            self._asleep = True
            yield from asyncio.core.sleep_ms(max(0, self.due_ms - now_ms()))
            self._asleep = False

    def call_by(self, at_ms) -> None:  # type: ignore[no-untyped-def]
        """Has `tick` called by `at_ms`, or earlier."""
        if at_ms < self.due_ms:
            self.due_ms = at_ms
            if self._asleep:  # the task is moved ahead in the queue: no event, no second task
                asyncio.core._task_queue.remove(self._task)
                wait_ms = max(0, at_ms - now_ms())
                at = asyncio.core.ticks_add(asyncio.core.ticks(), wait_ms)
                asyncio.core._task_queue.push(self._task, at)

    def watch(self, link, callback):  # type: ignore[no-untyped-def]
        """Has `callback` called whenever the link has something."""
        return _Watch(link, callback)

    def on_writable(self, pollable, callback) -> None:  # type: ignore[no-untyped-def]
        """Has `callback` called once, when `pollable` takes something."""
        self.spawn(_once_writable(pollable, callback))

    def spawn(self, coroutine):  # type: ignore[no-untyped-def]
        """Runs a coroutine beside all else."""
        return asyncio.create_task(coroutine)

    def stop(self) -> None:
        """The node has ended."""
        if asyncio.core.cur_task is not self._task:
            self._task.cancel()
