"""Runs users' functions of a connection one at a time, in a thread of their own (CPython only).

They may block, and call the peer themselves; a coroutine is run to its end before the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

from ..invoke import LATE, end
from ..node import Node
from ..tasks import not_begun, refuse_generator, stopped

_JOIN_S = 2


class Callbacks:
    """The thread, and what it has to do."""

    def __init__(self, node: Node, lock: Any, send: Callable[[], object]) -> None:
        self.node = node
        self.lock = lock
        self.send = send  # what was queued, the lock is held
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._runner: asyncio.Runner | None = None
        self._thread: threading.Thread | None = None

    def start(self, name: str) -> None:
        """Begins to do what was put."""
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        thread.start()
        self._thread = thread

    def put(self, job: Callable[[], object]) -> None:
        """Has `job` called in its turn."""
        self._jobs.put(job)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                break
            try:
                job()
            except BaseException as error:  # signals come to the main thread: it is the job's own
                self.node.report(error)
        if self._runner is not None:
            self._runner.close()

    def perform(
        self, function: Callable[..., Any], args: Any, named: dict[str, Any],
        awaits: bool = True, aside: _Aside | None = None,
    ) -> Any:  # fmt: skip
        """Calls a user's function, and waits for it where it is a coroutine's."""
        value = function(*args, **named)
        if awaits and hasattr(value, LATE):
            if self._runner is None:
                self._runner = asyncio.Runner()
            return self._runner.run(_wait(value, aside))
        if awaits and hasattr(value, "send"):
            refuse_generator(value)
        return value

    def aside(
        self, function: Callable[..., Any], args: Any, named: dict[str, Any], done: Any,
        what: Any, awaits: bool,
    ) -> _Aside:  # fmt: skip
        """`invoke.call` for nodes that this thread works for."""
        aside = _Aside(self, done, what)
        self.put(lambda: aside.run(function, args, named, awaits))
        return aside

    def end(self) -> None:
        """Has the thread end when all is done that was put."""
        self._jobs.put(None)

    def join(self) -> bool:
        """Waits for that, but not for long; whether it has ended."""
        thread = self._thread
        if thread is None:  # it never connected: what the board said is heard all the same
            self._run()
        elif thread is not threading.current_thread():
            thread.join(_JOIN_S)
        return thread is None or not thread.is_alive()


class _Aside:
    """A function of a user's that waits for its turn, or runs."""

    def __init__(self, callbacks: Callbacks, done: Any, what: Any) -> None:
        self._callbacks = callbacks
        self._done = done
        self._what = what
        self._cancelled = False
        self.task: asyncio.Task[Any] | None = None  # a coroutine's, while it runs

    def run(
        self, function: Callable[..., Any], args: Any, named: dict[str, Any], awaits: bool
    ) -> None:
        """Its turn has come."""
        callbacks = self._callbacks
        value = None
        error: BaseException | None = None
        if self._cancelled:
            error = not_begun()
        else:
            try:
                value = callbacks.perform(function, args, named, awaits, self)
            except BaseException as problem:
                trace = problem.__traceback__  # as it is where nothing runs aside
                error = problem.with_traceback(trace.tb_next if trace is not None else None)
                if self._ended(problem):
                    error = stopped()
        with callbacks.lock:
            end(callbacks.node, self._done, self._what, value, error)
            callbacks.send()

    def _ended(self, problem: BaseException) -> bool:
        return self._cancelled and isinstance(problem, asyncio.CancelledError)

    def cancel(self) -> None:
        """It does not begin; a coroutine that has begun is stopped, a function can't be."""
        self._cancelled = True
        task = self.task
        if task is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                task.get_loop().call_soon_threadsafe(task.cancel)


async def _wait(awaitable: Any, aside: _Aside | None) -> Any:
    if aside is not None:
        aside.task = asyncio.current_task()
    try:
        return await awaitable
    finally:
        if aside is not None:
            aside.task = None
