"""Threads on a virtual clock (CPython).

Each thread is a greenlet. It runs until it waits for something, or, now and then, until a statement
where the world takes the turn away: so races show, and the same seed shows them again.
"""

from __future__ import annotations

import threading as real_threading
from collections.abc import Callable
from math import ceil
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet
from whole.world import Process, World

_world: World  # of the scenario that runs: set by `begin`
_on_error: Callable[[str, BaseException], None]
_SLICE = 500  # statements of one turn, where nobody is hurried
_switches = 0  # of 1000 statements, so many end the turn of their thread
_left = 0  # statements of the present turn


def world() -> World:
    """The world of all threads."""
    return _world


def begin(world: World, on_error: Callable[[str, BaseException], None], switches: int) -> None:
    """From here on threads belong to `world`."""
    global _world, _on_error, _switches
    _world = world
    _on_error = on_error
    _switches = switches
    protected.clear()


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
            if self.kill in self.process.on_kill:
                self.process.on_kill.remove(self.kill)
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


protected: list[Lock] = []  # while a thread holds one of these, signals wait (node/host/signals.py)


def protect(lock: Lock) -> None:
    """Keeps signals out while `lock` is held."""
    if lock not in protected:
        protected.append(lock)


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


def wake(waiters: list[Any]) -> None:
    """Lets the threads among `waiters` look whether what they wait for is there."""
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
            assert me in _threads or not self._count, "the world can't wait for a lock"
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
            wake(self._waiters)

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
        wake(self._lock._waiters)
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
        wake(self._waiters)

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
        wake(self._waiters)

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        point()
        return wait_for(self._waiters, self.is_set, timeout)


def current_thread() -> Any:
    return _threads.get(getcurrent()) or real_threading.current_thread()


def main_thread() -> Any:
    process = current_thread().process
    return next(t for t in _threads.values() if t.process is process and t.name == "MainThread")


def sleep(seconds: float) -> None:
    """Lets the running thread sleep."""
    wait_for([], lambda: False, seconds)
