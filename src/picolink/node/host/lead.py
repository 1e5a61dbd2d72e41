"""Who polls: of the threads that wait on one connection one leads, for all, and the others follow
(CPython only)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from .loop_thread import Host

EVER = 1 << 62
_QUIET_MS = 10  # since the last call, before our own thread leads
_LATE_S = 0.2  # in which a leader that was woken has its turn, else it is held up
_LATE_MS = 20  # after what was due, else it is held up too


class Lead:
    """The threads of one connection. Whoever leads calls `host.turn`; a wait ends when its time has
    come, whoever leads and whatever holds that one up."""

    def __init__(self, host: Host, now_ms: Callable[[], int], closed: threading.Event) -> None:
        self._host = host
        self._now_ms = now_ms
        self._closed = closed
        self.leader = 0  # the thread that polls for all; set under the lock: no signal comes then
        self._waiters: list[threading.Lock] = []
        self._idle_leads = False  # our own thread, for want of another
        self._wanted = False  # by a caller, while it does
        self._used_ms = 0

    def wait(self, ready: Callable[[], bool], deadline_ms: int, due_ms: int = EVER) -> bool:
        """Waits until `ready()`; drives the link if no other thread does, or where that one has
        not done by then what is due at `due_ms`."""
        me = threading.get_ident()
        leads_already = self.leader == me  # in a signal's handler, in the middle of its own wait
        beside = False
        due_ms += _LATE_MS
        try:
            while not ready():
                if self._closed.is_set() or (deadline_ms < EVER and self._now_ms() >= deadline_ms):
                    return ready()
                if leads_already or beside or self._take_lead(me):
                    if ready():  # whoever led before has brought it, and nothing more may come
                        break
                    self._host.turn(deadline_ms)
                    if self._waiters:
                        self.notify()
                else:
                    now_ms = self._now_ms()
                    end_ms = min(deadline_ms, due_ms)
                    beside = now_ms >= due_ms or not self._follow(ready, now_ms, end_ms)
            return True
        finally:
            # Without the lock: waiting for it could be interrupted, and this must not be.
            if self.leader == me and not leads_already:
                self.leader = 0
            self._used_ms = self._now_ms()
            if self._waiters:
                self.notify()

    def _take_lead(self, me: int) -> bool:
        """Whether this thread polls for all from now on."""
        with self._host.lock:
            if self.leader and self.leader != me:
                return False
            self.leader = me
            self._wanted = False
            return True

    def _follow(self, ready: Callable[[], bool], now_ms: int, end_ms: int) -> bool:
        """Waits while another thread leads, until `end_ms`. False where that one is held up: a
        handler of a signal, or the program itself, keeps it from polling."""
        waiter = threading.Lock()
        waiter.acquire()
        with self._host.lock:
            self._waiters.append(waiter)  # first: who ends to lead looks there last
            if not self.leader:
                self._waiters.remove(waiter)
                return True  # it has just ended: this thread may lead
        self._used_ms = now_ms  # else our own thread, idle, is faster to lead again
        wait_s = min(_LATE_S, (end_ms - now_ms) / 1000)
        try:
            if self._idle_leads:
                self._wanted = True
                self._host.wake()
            if ready() or waiter.acquire(timeout=wait_s) or wait_s < _LATE_S:
                return True
            turns = self._host.turns  # nothing came, or it is held up: woken, it has a turn
            self._host.wake()
            left_s = max(0, end_ms - self._now_ms()) / 1000
            told = waiter.acquire(timeout=min(_LATE_S, left_s))
        finally:
            with self._host.lock, contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
        return told or self._host.turns != turns or not self.leader

    def notify(self) -> None:
        """Lets the waiting threads look whether what they wait for is there."""
        with self._host.lock:
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            with contextlib.suppress(RuntimeError):  # it was told already
                waiter.release()

    def while_idle(self, until_ms: Callable[[], int]) -> None:
        """Has our own thread lead, until somebody calls or the time is `until_ms()`."""
        idle = self._now_ms() - self._used_ms >= _QUIET_MS and not self._waiters
        if not idle or not self._take_lead(threading.get_ident()):
            self._closed.wait(_QUIET_MS / 1000)
            return
        self._idle_leads = True
        try:
            while not self._wanted and not self._closed.is_set():
                end_ms = until_ms()
                if self._now_ms() >= end_ms:
                    break
                self._host.turn(end_ms)
                if self._waiters:
                    self.notify()
        finally:
            with self._host.lock:
                self.leader = 0
                self._idle_leads = self._wanted = False
            self.notify()
