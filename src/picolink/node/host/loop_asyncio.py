"""What the driver needs of CPython's asyncio: waiting for links and for a time."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from ...links.host.forks import on_fork
from ..clock import now_ms
from ..invoke import guarded
from .forking import let_go
from .loop_thread import later_ms


def _soon(loop: asyncio.AbstractEventLoop, host: "Host", callback: Callable[[], None]) -> None:
    """Has the loop call; from any thread, and also from one that outlives the loop."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(guarded, host.node, callback)


class _Watch:
    """Calls `callback` whenever a link has something. One without a file descriptor says so."""

    def __init__(
        self, host: "Host", loop: asyncio.AbstractEventLoop, link: Any, callback: Callable[[], None]
    ) -> None:
        self._host = host
        self._loop = loop
        self._link = link
        if link.pollable is None:
            link.on_ready = lambda: _soon(loop, host, callback)
            link.on_ready()
        else:
            loop.add_reader(link.pollable, guarded, host.node, callback)

    def stop(self) -> None:
        """Ends it, before the link is closed."""
        if self._link.pollable is None:
            self._link.on_ready = int
        elif not self._host.ended:
            self._loop.remove_reader(self._link.pollable)
            self._loop.remove_writer(self._link.pollable)


class Host:
    """The running event loop, for one node. `tick` is called when its time has come."""

    ended = False  # this is the child of a fork, and what the loop polls is the parent's

    def __init__(self, tick: Callable[[], int | None], node: "Any" = None) -> None:
        self.node = node  # hears what callbacks let out
        self._loop = asyncio.get_running_loop()
        self._tick = tick
        self.due_ms: float = float("inf")
        self._timer: asyncio.Handle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        on_fork(self)

    def _run(self) -> None:
        self._timer = None
        self.due_ms = float("inf")
        deadline_ms = guarded(self.node, self._tick)
        if deadline_ms is not None:
            self.call_by(deadline_ms)

    def call_by(self, at_ms: int) -> None:
        """Has `tick` called by `at_ms`, or earlier."""
        if at_ms >= self.due_ms:
            return
        self.due_ms = at_ms
        if self._timer is not None:
            self._timer.cancel()
        wait_ms = at_ms - now_ms()
        if wait_ms <= 0:
            self._timer = self._loop.call_soon(self._run)
        else:
            self._timer = self._loop.call_later(wait_ms / 1000, self._run)

    def watch(self, link: Any, callback: Callable[[], None]) -> "_Watch":
        """Has `callback` called whenever the link has something."""
        return _Watch(self, self._loop, link, callback)

    def on_writable(self, pollable: Any, callback: Callable[[], None]) -> None:
        """Has `callback` called once, when `pollable` takes something."""

        def ready() -> None:
            self._loop.remove_writer(pollable)
            guarded(self.node, callback)

        wait_ms = later_ms(pollable)
        if wait_ms > 0:
            self._loop.call_later(wait_ms / 1000, guarded, self.node, callback)
        else:
            self._loop.add_writer(pollable, ready)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Runs a coroutine beside all else."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)  # else it might be collected while it runs
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it was reported: else asyncio would tell of it again, some time

    def forked(self) -> None:
        """This is the child of a fork."""
        self.ended = True
        if self.node is not None:
            let_go(self.node)

    def stop(self) -> None:
        """The node has ended."""
        if self._timer is not None:
            self._timer.cancel()
