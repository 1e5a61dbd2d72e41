"""What the driver needs of MicroPython's asyncio: waiting for links and for a time."""

import asyncio

from .clock import now_ms
from .invoke import guarded

MYPY = False
if MYPY:
    from collections.abc import Callable, Generator
    from typing import Any

_core: "Any" = asyncio.core  # type: ignore[attr-defined]  # the stubs lack it
# A board's clock wraps at 2^30, and asyncio orders its tasks by differences below 2^29: what is due
# at the very edge of that would come before a task that became ready a millisecond ago.
NEVER_MS = 1 << 28


class _Watch:
    """Calls `callback` whenever a link has something. One that can't be polled says so."""

    def __init__(self, node: "Any", link: "Any", callback: "Callable[[], object]") -> None:
        self._on = True
        self._task = asyncio.create_task(self._run(node, link, callback))

    def _run(
        self, node: "Any", link: "Any", callback: "Callable[[], object]"
    ) -> "Generator[Any, Any, None]":
        pollable = link.pollable
        if pollable is None:
            ready: Any = asyncio.Event()
            link.on_ready = ready.set
            ready.set()
        while self._on:
            if pollable is None:
                yield from ready.wait()
                ready.clear()
            else:
                yield _core._io_queue.queue_read(pollable)
            if self._on:
                guarded(node, callback)

    def stop(self) -> None:
        """Ends it; a callback may end its own."""
        self._on = False
        if _core.cur_task is not self._task:
            self._task.cancel()


def _once_writable(
    node: "Any", pollable: "Any", callback: "Callable[[], object]"
) -> "Generator[Any, Any, None]":
    yield _core._io_queue.queue_write(pollable)
    guarded(node, callback)


class Host:
    """The running event loop, for one node. `tick` is called when its time has come."""

    def __init__(self, tick: "Callable[[], int | None]", node: "Any" = None) -> None:
        self.node = node  # hears what callbacks let out
        self._tick = tick
        self.due_ms = 0
        self._asleep = False
        self._task = asyncio.create_task(self._timer())

    def _timer(self) -> "Generator[Any, Any, None]":
        while True:
            self.due_ms = now_ms() + NEVER_MS
            deadline_ms = guarded(self.node, self._tick)
            if deadline_ms is not None and deadline_ms < self.due_ms:
                self.due_ms = deadline_ms
            self._asleep = True
            yield from _core.sleep_ms(max(0, self.due_ms - now_ms()))
            self._asleep = False

    def call_by(self, at_ms: int) -> None:
        """Has `tick` called by `at_ms`, or earlier."""
        if at_ms < self.due_ms:
            self.due_ms = at_ms
            if self._asleep:  # the task is moved ahead in the queue: no event, no second task
                _core._task_queue.remove(self._task)
                wait_ms = max(0, at_ms - now_ms())
                at = _core.ticks_add(_core.ticks(), wait_ms)
                _core._task_queue.push(self._task, at)

    def watch(self, link: "Any", callback: "Callable[[], object]") -> _Watch:
        """Has `callback` called whenever the link has something."""
        return _Watch(self.node, link, callback)

    def on_writable(self, pollable: "Any", callback: "Callable[[], object]") -> None:
        """Has `callback` called once, when `pollable` takes something."""
        self.spawn(_once_writable(self.node, pollable, callback))

    def spawn(self, coroutine: "Any") -> "Any":
        """Runs a coroutine beside all else."""
        return asyncio.create_task(coroutine)

    def stop(self) -> None:
        """The node has ended."""
        if _core.cur_task is not self._task:
            self._task.cancel()
