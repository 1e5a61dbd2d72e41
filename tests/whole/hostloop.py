"""An asyncio event loop on a virtual clock (CPython). Tasks, futures and the rest are its own.

It is a turn-taker of the world: each turn runs what is ready, in order, as asyncio does.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any

from whole.world import Process, World


class Loop(asyncio.AbstractEventLoop):
    """The event loop of one process. `on_error(what, exception)` hears what nobody caught."""

    def __init__(
        self, world: World, process: Process,
        on_error: Callable[[str, BaseException | None], None], is_all: bool = True,
    ) -> None:  # fmt: skip
        self.world = world
        self.process = process
        self.queued = False
        self.on_error = on_error
        self._is_all = is_all  # the program: what ends the loop ends the process
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._generators: set[Any] = set()
        self._watched: dict[Any, list[Callable[[], None]]] = {}

    def turn(self) -> None:
        """Runs what is ready now; what becomes ready meanwhile is for the next turn."""
        ready = self._ready
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._generators.add, self._finalize)
        asyncio._set_running_loop(self)
        try:
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
                    if self.process.dead:
                        return
        except BaseException as error:
            if self._is_all:
                self.on_error("the event loop ended", error)
                self.process.kill()
        finally:
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
        if ready:
            self.world.wake(self)

    def _finalize(self, generator: Any) -> None:
        self._generators.discard(generator)
        if not self.process.dead:
            self.create_task(generator.aclose())

    def close(self) -> None:
        """Lets go of everything, as the end of a process does: nobody is told, nothing is said."""
        self._ready.clear()
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            drop(task.get_coro())

    # What asyncio and the drivers use

    def time(self) -> float:
        return (self.world.now_ms + self.process.skew_ms) / 1000

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        self.world.wake(self)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        delay_ms = ceil((when - self.time()) * 1000 - 1e-6)
        self.world.at(max(delay_ms, 0), self._due, handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def _due(self, handle: asyncio.TimerHandle) -> None:
        if not handle._cancelled:
            self._ready.append(handle)
            self.world.wake(self)

    def _timer_handle_cancelled(self, handle: Any) -> None:
        pass

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name or "", context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.process.dead:
            self.on_error(context["message"], context.get("exception"))

    async def shutdown_asyncgens(self) -> None:
        pass

    # Links with something to poll: `pollable` tells `readable()` and `writable()`, and calls what
    # is in its list `watchers` when either has changed.

    def add_reader(self, pollable: Any, callback: Any, *args: Any) -> None:
        self._watch(pollable, callback, args, pollable.readable, 0)

    def add_writer(self, pollable: Any, callback: Any, *args: Any) -> None:
        self._watch(pollable, callback, args, pollable.writable, 1)

    def remove_reader(self, pollable: Any) -> bool:
        return self._unwatch(pollable, 0)

    def remove_writer(self, pollable: Any) -> bool:
        return self._unwatch(pollable, 1)

    def _watch(
        self, pollable: Any, callback: Any, args: Any, ready: Callable[[], bool], which: int
    ) -> None:
        self._unwatch(pollable, which)
        waiting = False

        def run() -> None:
            nonlocal waiting
            waiting = False
            if watchers[which] is look and ready():
                callback(*args)
                look()

        def look() -> None:
            nonlocal waiting
            if not waiting and ready():
                waiting = True
                self.call_soon(run)

        watchers = self._watched.setdefault(pollable, [None, None])  # type: ignore[list-item]
        watchers[which] = look
        pollable.watchers.append(look)
        look()

    def _unwatch(self, pollable: Any, which: int) -> bool:
        watchers = self._watched.get(pollable)
        if watchers is None or watchers[which] is None:
            return False
        if watchers[which] in pollable.watchers:
            pollable.watchers.remove(watchers[which])
        watchers[which] = None  # type: ignore[call-overload]
        return True


def drop(coroutine: Any) -> None:
    """Ends a coroutine whose program is gone."""
    for _ in range(10):  # what refuses to end is asked again, then left
        try:
            coroutine.close()
            return
        except BaseException:
            continue
