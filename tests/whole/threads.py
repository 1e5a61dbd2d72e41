"""Threads on a virtual clock: what the blocking driver uses of `threading`, `queue`, `select`, `os`.

Each thread is a greenlet. It runs until it waits for something, or, now and then, until a statement
where the world takes the turn away: so races show, and the same seed shows them again.
"""

from __future__ import annotations

import asyncio as real_asyncio
import os as real_os
import select as real_select
import threading as real_threading
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from whole.hostloop import Loop
from whole.world import Process, World

_world: World  # of the scenario that runs: set by `begin`
_on_error: Callable[[str, BaseException], None]
_SLICE = 500  # statements of one turn, where nobody is hurried
_switches = 0  # of 1000 statements, so many end the turn of their thread
_left = 0  # statements of the present turn


def begin(world: World, on_error: Callable[[str, BaseException], None], switches: int) -> None:
    """From here on threads belong to `world`."""
    global _world, _on_error, _switches
    _world = world
    _on_error = on_error
    _switches = switches


class Thread:
    """A thread of the process that makes it."""

    def __init__(
        self, target: Callable[..., object], name: str = "", daemon: bool = True, args: Any = (),
        process: Process | None = None, kwargs: Any = None, group: None = None,
    ) -> None:  # fmt: skip
        self.process = process or _world.process
        assert self.process is not None
        self.name = name
        self.daemon = daemon
        self.queued = False
        self.interrupt: BaseException | None = None  # a signal that has come
        self.ident = id(self)
        self._target = lambda: target(*args, **(kwargs or {}))
        self._ended = Event()
        self._greenlet = greenlet(self._run)
        self._started = False

    def start(self) -> None:
        self._started = True
        self.process.on_kill.append(self.kill)
        _world.wake(self)

    def turn(self) -> None:
        global _left
        _left = 1 + _world.random.below(2000 // _switches) if _switches else _SLICE
        if self.interrupt is not None:
            _left = 0
        self._greenlet.parent = getcurrent()
        self._greenlet.switch()

    def _run(self) -> None:
        _threads[getcurrent()] = self
        try:
            self._target()
        except GreenletExit:
            pass
        except BaseException as error:
            if not self.process.dead:
                _on_error(f"the thread {self.name!r} ended", error)
        finally:
            del _threads[getcurrent()]
            self._ended.set()

    def kill(self) -> None:
        """Its process is gone."""
        _killed.append(self)

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        return self._started and not self._ended.is_set()


_threads: dict[Any, Thread] = {}
_killed: list[Thread] = []


def bury() -> None:
    """Ends the greenlets of processes that are gone; whatever they wait for ends at once."""
    while _killed:
        thread = _killed.pop()
        thread.process.dead = True
        for _ in range(50):
            if thread._greenlet.dead or not thread._greenlet:
                break
            thread._greenlet.parent = getcurrent()
            thread._greenlet.throw(GreenletExit)


def point() -> None:
    """Stands before every statement of the blocking driver: another thread's turn may come here,
    and a signal may arrive."""
    global _left
    _left -= 1
    if _left > 0:
        return
    thread = _threads.get(getcurrent())
    if thread is None:
        return
    if thread.process.dead:
        raise GreenletExit
    if thread.interrupt is not None:
        _interrupted(thread)
    _world.wake(thread)
    thread._greenlet.parent.switch()


protected: list[Lock] = []  # while a thread holds one of these, signals wait (node/signals.py)


def _interrupted(thread: Thread) -> None:
    """Lets a signal's handler raise, where it may run."""
    global _left
    if any(lock.locked_by(thread) for lock in protected):
        _left = 0  # soon
    elif thread.interrupt is not None:
        error, thread.interrupt = thread.interrupt, None
        raise error


def alarm() -> None:
    """A signal has come for a thread: it looks for it at the next statement."""
    global _left
    _left = 0


def wait_for(waiters: list[Any], ready: Callable[[], Any], timeout_s: float | None) -> bool:
    """Waits until `ready()`, which may be so when one of `waiters` is woken, or for `timeout_s`."""
    thread = _threads.get(getcurrent())
    if thread is None:  # the world itself, cleaning up
        return bool(ready())
    timer = None
    end_ms = None
    try:
        while not ready():
            if thread.process.dead:
                raise GreenletExit
            if thread.interrupt is not None:
                _interrupted(thread)
            if timeout_s is not None:
                if timeout_s <= 0:
                    return False
                if end_ms is None:
                    end_ms = _world.now_ms + max(0, ceil(timeout_s * 1000 - 1e-6))
                    timer = _world.at(end_ms - _world.now_ms, _world.wake, thread)
                if _world.now_ms >= end_ms:
                    return False
            waiters.append(thread)
            thread._greenlet.parent.switch()
            if thread in waiters:
                waiters.remove(thread)
        return True
    finally:
        if timer is not None:
            timer.cancel()


def _wake(waiters: list[Any]) -> None:
    for thread in waiters:
        _world.wake(thread)


class Lock:
    """threading.Lock."""

    _again = False

    def __init__(self) -> None:
        self._owner: Any = None
        self._count = 0
        self._waiters: list[Any] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = getcurrent()
        point()
        if not (self._again and self._owner is me):
            wait = None if timeout < 0 else timeout
            if not wait_for(self._waiters, lambda: self._count == 0, wait if blocking else 0):
                return False
        self._owner = me
        self._count += 1
        return True

    def release(self) -> None:
        if self._count == 0 or (self._again and self._owner is not getcurrent()):
            raise RuntimeError("release unlocked lock")
        self._count -= 1
        if self._count == 0:
            self._owner = None
            _wake(self._waiters)

    def locked(self) -> bool:
        return self._count > 0

    def locked_by(self, thread: Thread) -> bool:
        return self._count > 0 and self._owner is thread._greenlet

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class RLock(Lock):
    """threading.RLock."""

    _again = True

    def _is_owned(self) -> bool:
        return self._owner is getcurrent()


class Condition:
    """threading.Condition."""

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = lock or RLock()
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        self._tickets: list[list[bool]] = []
        self._waiters: list[Any] = []

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        ticket = [False]
        self._tickets.append(ticket)
        count, self._lock._count = self._lock._count, 0
        owner, self._lock._owner = self._lock._owner, None
        _wake(self._lock._waiters)
        try:
            return wait_for(self._waiters, lambda: ticket[0], timeout)
        finally:
            if ticket in self._tickets:
                self._tickets.remove(ticket)
            wait_for(self._lock._waiters, lambda: self._lock._count == 0, None)
            self._lock._count, self._lock._owner = count, owner

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        end_ms = None if timeout is None else _world.now_ms + ceil(timeout * 1000)
        while not (result := predicate()):
            left = None if end_ms is None else (end_ms - _world.now_ms) / 1000
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    def notify(self, n: int = 1) -> None:
        for ticket in self._tickets[:n]:
            ticket[0] = True
        del self._tickets[:n]
        _wake(self._waiters)

    def notify_all(self) -> None:
        self.notify(len(self._tickets))


class Event:
    """threading.Event."""

    def __init__(self) -> None:
        self._set = False
        self._waiters: list[Any] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        _wake(self._waiters)

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        point()
        return wait_for(self._waiters, self.is_set, timeout)


class SimpleQueue:
    """queue.SimpleQueue, and queue.Queue as far as it is the same."""

    def __init__(self, maxsize: int = 0) -> None:
        self._items: deque[Any] = deque()
        self._waiters: list[Any] = []

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._items.append(item)
        _wake(self._waiters)

    put_nowait = put

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        point()
        if not wait_for(self._waiters, lambda: self._items, timeout if block else 0):
            raise queue.Empty
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
        _wake(self._waiters)

    def register(self, pollable: Any, mask: int = real_select.POLLIN) -> None:
        pollable = _pipes.get(pollable, pollable)
        if pollable not in self._watched:
            pollable.watchers.append(self._changed)
        self._watched[pollable] = mask
        _wake(self._waiters)

    def modify(self, pollable: Any, mask: int) -> None:
        pollable = _pipes.get(pollable, pollable)
        if pollable not in self._watched:
            raise FileNotFoundError(2, "not registered")
        self._watched[pollable] = mask
        _wake(self._waiters)

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
        point()
        wait = None if timeout is None or timeout < 0 else timeout / 1000
        found: list[tuple[Any, int]] = []

        def ready() -> bool:
            found[:] = self._events()
            return bool(found)

        wait_for(self._waiters, ready, wait)
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
    point()
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


def current_thread() -> Any:
    return _threads.get(getcurrent()) or real_threading.current_thread()


def _main_thread() -> Any:
    process = current_thread().process
    return next(t for t in _threads.values() if t.process is process and t.name == "MainThread")


threading = _Like(
    real_threading, Thread=Thread, Lock=Lock, RLock=RLock, Condition=Condition, Event=Event,
    current_thread=current_thread, main_thread=_main_thread,
    get_ident=lambda: current_thread().ident,
)  # fmt: skip
queue = _Like(__import__("queue"), SimpleQueue=SimpleQueue, Queue=SimpleQueue)
select = _Like(real_select, poll=Poll)
os = _Like(
    real_os, pipe2=_pipe2, pipe=_pipe2, read=_read, write=_write, close=_close,
    urandom=lambda n: _world.random.bytes(n), getpid=lambda: 4711,
)  # fmt: skip


class Runner:
    """asyncio.Runner: an event loop in the running thread, which waits for it."""

    def run(self, coroutine: Any) -> Any:
        process = current_thread().process
        loop = Loop(_world, process, _on_error, is_all=False)  # its task has the exception
        task = loop.create_task(coroutine)
        waiters: list[Any] = []
        task.add_done_callback(lambda _: _wake(waiters))
        wait_for(waiters, task.done, None)
        return task.result()

    def close(self) -> None:
        pass


def _run(coroutine: Any) -> Any:
    return Runner().run(coroutine)


asyncio = _Like(real_asyncio, run=_run, Runner=Runner)


def sleep(seconds: float) -> None:
    """Lets the running thread sleep."""
    wait_for([], lambda: False, seconds)
