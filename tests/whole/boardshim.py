"""What MicroPython's asyncio is, for CPython: enough of it that a board's own driver runs here.

The same functions under the same names as `asyncio` and `asyncio.core` have there, and the same
order of events. Tasks and queues are those of boardloop.py.
"""

from __future__ import annotations

import sys
from typing import Any

from whole import boardloop

# Those that `boardloop.install` puts here.
_task_queue: Any = None
_io_queue: Any = None
cur_task: Any = None
Task: Any = None
TaskQueue: Any = None
ticks: Any = None
ticks_add: Any = None
ticks_diff: Any = None
core = sys.modules[__name__]


class CancelledError(BaseException):
    @property
    def value(self) -> Any:
        return self.args[0] if self.args else None


class TimeoutError(Exception):
    pass


class _Pause:
    """What `sleep_ms` and `_never` return: one turn of the loop passes by."""

    def __init__(self, at_ms: int | None) -> None:
        self.at_ms = at_ms
        self.asked = False

    def __iter__(self) -> _Pause:
        return self

    __await__ = __iter__

    def __next__(self) -> None:
        if self.asked:
            raise StopIteration
        self.asked = True
        if self.at_ms is not None:
            _task_queue.push(cur_task, self.at_ms)


def sleep_ms(ms: int) -> _Pause:
    return _Pause(ticks() + max(0, ms))


def sleep(seconds: float) -> _Pause:
    return sleep_ms(int(seconds * 1000))


class Event:
    def __init__(self) -> None:
        self.state = False
        self.waiting = TaskQueue()

    def is_set(self) -> bool:
        return self.state

    def set(self) -> None:
        while self.waiting.peek():
            task = self.waiting.pop()
            _task_queue.push(task)
        self.state = True

    def clear(self) -> None:
        self.state = False

    def wait(self) -> Any:
        if self.state:
            return _Done()
        return _Wait(self)


class _Done:
    def __iter__(self) -> _Done:
        return self

    __await__ = __iter__

    def __next__(self) -> None:
        raise StopIteration(True)


class _Wait(_Done):
    def __init__(self, event: Event) -> None:
        self.event = event
        self.asked = False

    def __next__(self) -> None:
        if self.asked or self.event.state:
            raise StopIteration(True)
        self.asked = True
        self.event.waiting.push(cur_task)
        cur_task.data = self.event.waiting


class Lock:
    def __init__(self) -> None:
        self.held = False
        self._free = Event()

    def locked(self) -> bool:
        return self.held

    async def acquire(self) -> bool:
        while self.held:
            self._free.clear()
            await self._free.wait()
        self.held = True
        return True

    def release(self) -> None:
        self.held = False
        self._free.set()

    async def __aenter__(self) -> bool:
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


def create_task(coroutine: Any) -> Any:
    if not hasattr(coroutine, "send"):
        raise TypeError("coroutine expected")
    task = Task(coroutine)
    _task_queue.push(task)
    return task


def _promote_to_task(awaitable: Any) -> Any:
    return awaitable if isinstance(awaitable, Task) else create_task(_as_coroutine(awaitable))


def _as_coroutine(awaitable: Any) -> Any:
    if hasattr(awaitable, "send"):
        return awaitable

    async def run() -> Any:
        return await awaitable

    return run()


async def _run(waiter: Any, awaitable: Any) -> None:
    result = None
    status: Any = True
    try:
        result = await awaitable
    except BaseException as error:
        status = error
    if waiter.data is None and waiter.cancel():
        waiter.data = CancelledError(status, result)


async def wait_for(awaitable: Any, timeout: float | None) -> Any:
    task = _promote_to_task(awaitable)
    if timeout is None:
        return await task
    runner = create_task(_run(cur_task, task))
    try:
        await sleep(timeout)
    except CancelledError as error:
        status = error.value
        if status is None:
            runner.cancel()
            raise
        if status is True:
            return error.args[1]
        raise status from None
    runner.cancel()
    await runner
    raise TimeoutError


def current_task() -> Any:
    return cur_task


def run_ready() -> None:
    """Runs what is due now, as MicroPython's `run_until_complete` does."""
    global cur_task
    world = boardloop.world
    for _ in range(10):
        task = _task_queue.peek()
        if task is None or task.ph_key > world.now_ms:
            break
        task = _task_queue.pop()
        owner = task.owner
        cur_task = task
        try:
            error = task.data
            if not error:
                task.coro.send(None)
            else:
                task.data = None
                task.coro.throw(error)
        except (CancelledError, Exception) as ended:
            _ended(task, ended)
        except BaseException as ended:
            owner.on_error("the event loop ended", ended)
            owner.kill()
    cur_task = None
    world.process = None


def _ended(task: Any, error: BaseException) -> None:
    waiting = False
    if task.state is True:
        task.state = None
    else:
        while task.state.peek():
            _task_queue.push(task.state.pop())
            waiting = True
        task.state = False
    task.data = error
    if not waiting and not isinstance(error, (CancelledError, StopIteration)):
        task.owner.on_error("Task exception wasn't retrieved", error)
