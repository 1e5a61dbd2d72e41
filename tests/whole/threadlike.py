"""What the blocking driver uses of `threading`, `queue`, `select`, `os` and `asyncio`, on a virtual
clock (CPython): an object stands for each of these modules, and has the rest from the real one."""

from __future__ import annotations

import asyncio as real_asyncio
import os as real_os
import queue as real_queue
import select as real_select
import threading as real_threading
from collections import deque
from collections.abc import Callable
from typing import Any

from whole import threads
from whole.hostloop import Loop


class SimpleQueue:
    """queue.SimpleQueue, and queue.Queue as far as it is the same."""

    def __init__(self, maxsize: int = 0) -> None:
        self._items: deque[Any] = deque()
        self._waiters: list[Any] = []

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._items.append(item)
        threads.wake(self._waiters)

    put_nowait = put

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        threads.point()
        if not threads.wait_for(self._waiters, lambda: self._items, timeout if block else 0):
            raise real_queue.Empty
        return self._items.popleft()

    def get_nowait(self) -> Any:
        return self.get(False)

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)


class Poll:
    """select.poll: of virtual pollables, and of the pipes below."""

    def __init__(self) -> None:
        self._watched: dict[Any, int] = {}
        self._waiters: list[Any] = []

    def _changed(self) -> None:
        threads.wake(self._waiters)

    def register(self, pollable: Any, mask: int = real_select.POLLIN) -> None:
        pollable = _pipes.get(pollable, pollable)
        if pollable not in self._watched:
            pollable.watchers.append(self._changed)
        self._watched[pollable] = mask
        threads.wake(self._waiters)

    def modify(self, pollable: Any, mask: int) -> None:
        pollable = _pipes.get(pollable, pollable)
        if pollable not in self._watched:
            raise FileNotFoundError(2, "not registered")
        self._watched[pollable] = mask
        threads.wake(self._waiters)

    def unregister(self, pollable: Any) -> None:
        pollable = _pipes.get(pollable, pollable)
        del self._watched[pollable]
        pollable.watchers.remove(self._changed)

    def _events(self) -> list[tuple[Any, int]]:
        found = []
        for pollable, mask in list(self._watched.items()):
            event = 0
            if mask & real_select.POLLIN and pollable.readable():
                event |= real_select.POLLIN
            if mask & real_select.POLLOUT and pollable.writable():
                event |= real_select.POLLOUT
            if event:
                found.append((getattr(pollable, "number", pollable), event))
        return found

    def poll(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        threads.point()
        wait = None if timeout is None or timeout < 0 else timeout / 1000
        found: list[tuple[Any, int]] = []

        def ready() -> bool:
            found[:] = self._events()
            return bool(found)

        threads.wait_for(self._waiters, ready, wait)
        return found


class _Pipe:
    """The reading end of a pipe."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.data = b""
        self.watchers: list[Callable[[], None]] = []

    def readable(self) -> bool:
        return bool(self.data)

    def writable(self) -> bool:
        return False


_pipes: dict[Any, _Pipe] = {}  # either end -> the pipe


class _Like:
    """A module of ours in the place of another one, which has what ours lacks."""

    def __init__(self, real: Any, **ours: Any) -> None:
        self.__dict__.update(ours)
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def begin() -> None:
    """Another world begins: pipes that programs of an earlier one left open are gone."""
    _pipes.clear()


def _pipe2(flags: int = 0) -> tuple[int, int]:
    number = max(_pipes, default=998) + 2 & ~1
    _pipes[number] = _pipes[number + 1] = _Pipe(number)
    return number, number + 1


def _read(number: int, size: int) -> bytes:
    pipe = _pipes[number]
    if not pipe.data:
        raise BlockingIOError(11, "nothing there")
    data, pipe.data = pipe.data[:size], pipe.data[size:]
    return data


def _write(number: int, data: bytes) -> int:
    threads.point()
    pipe = _pipes.get(number)
    if pipe is None:
        raise OSError(9, "bad file descriptor")
    if len(pipe.data) > 65536:
        raise BlockingIOError(11, "full")
    pipe.data += data
    for watcher in pipe.watchers[:]:
        watcher()
    return len(data)


def _close(number: int) -> None:
    if _pipes.pop(number, None) is None:
        raise OSError(9, "bad file descriptor")


threading = _Like(
    real_threading, Thread=threads.Thread, Lock=threads.Lock, RLock=threads.RLock,
    Condition=threads.Condition, Event=threads.Event,
    current_thread=threads.current_thread, main_thread=threads.main_thread,
    get_ident=lambda: threads.current_thread().ident,
)  # fmt: skip
queue = _Like(real_queue, SimpleQueue=SimpleQueue, Queue=SimpleQueue)
select = _Like(real_select, poll=Poll)
os = _Like(
    real_os, pipe2=_pipe2, pipe=_pipe2, read=_read, write=_write, close=_close,
    urandom=lambda n: threads.world().random.bytes(n), getpid=lambda: 4711,
)  # fmt: skip


class Runner:
    """asyncio.Runner: an event loop in the running thread, which waits for it."""

    def run(self, coroutine: Any) -> Any:
        process = threads.current_thread().process
        loop = Loop(
            threads.world(), process, lambda what, error: None, is_all=False
        )  # its task has the exception
        task = loop.create_task(coroutine)
        waiters: list[Any] = []
        task.add_done_callback(lambda _: threads.wake(waiters))
        threads.wait_for(waiters, task.done, None)
        return task.result()

    def close(self) -> None:
        pass


def _run(coroutine: Any) -> Any:
    return Runner().run(coroutine)


asyncio = _Like(real_asyncio, run=_run, Runner=Runner)
