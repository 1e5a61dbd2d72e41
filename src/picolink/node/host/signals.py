"""Signals on a host, kept out of work that is half done (CPython only).

Python runs a signal's handler between any two steps of the main thread, and what a handler raises
(Ctrl-C, a program's own alarm) would leave a session in pieces. While the main thread holds a
connection's lock, handlers wait; they run when it leaves the lock, still in the program's own call.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # no enums are made, and it is asked at each call
import _thread
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = [
    int(number)
    for name in ("SIGINT", "SIGALRM", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None
]
_SOON_S = 0.001
_main = threading.main_thread().ident
_waiting: list[tuple[Any, int, FrameType | None]] = []  # handler, and what it is given
_coming: list[int] = []  # Ctrl-Cs that are to come again
_protected: list[Any] = []  # the handlers of `_SIGNALS` when it was last looked at them


class Lock(_thread.RLock):  # type: ignore[misc]  # it can be inherited from
    """A connection's lock, which keeps handlers of signals out."""

    protected = False

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.release()
        if _waiting and threading.get_ident() == _main and not _held():
            _run()


# Those of all connections. One that a Ctrl-C prevented goes without a word.
_locks: list[weakref.ref[Lock]] = []


class Patient:
    """A signal's handler that does not run while this thread holds a lock of ours."""

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        if _held():
            if number not in [waits[1] for waits in _waiting]:  # as the system has it
                _waiting.append((self.handler, number, frame))
            return None
        if number == signal.SIGINT and _in_del(frame):
            _coming.append(number)
            _thread.start_new_thread(_again, ())  # `threading` may be what was at work
            return None
        return self.handler(number, frame)


def _held() -> bool:
    for each in _locks:
        lock = each()
        if lock is not None and lock._is_owned():  # type: ignore[attr-defined]
            return True
    return False


def _in_del(frame: FrameType | None) -> bool:
    """Whether a `__del__` runs: Python drops what is raised there."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _again() -> None:
    time.sleep(_SOON_S)
    os.kill(os.getpid(), signal.SIGINT)
    _coming.pop()


def _run() -> None:
    """Runs what had to wait, each once; one that raises leaves the others to the next time."""
    while _waiting:
        handler, number, frame = _waiting.pop(0)
        handler(number, frame)


def protect(lock: Lock) -> None:
    """Keeps handlers out while the main thread holds `lock`: those that there are now."""
    if threading.get_ident() != _main:
        return
    if not lock.protected:  # at first; from then on a program may set others
        lock.protected = True
        _locks.append(weakref.ref(lock))
    handlers = list(map(_signal.getsignal, _SIGNALS))
    if handlers != _protected:
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            if type(handler) is not Patient and callable(handler):
                signal.signal(number, Patient(handler))
        _protected[:] = map(_signal.getsignal, _SIGNALS)


def release(lock: Lock) -> None:
    """The connection is closed. After the last one handlers are again as they were."""
    _locks[:] = [each for each in _locks if each() is not None and each() is not lock]
    if not _locks and threading.get_ident() == _main:
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if isinstance(handler, Patient):
                signal.signal(number, handler.handler)


def interrupt_at_once() -> None:
    """Has the first Ctrl-C end whatever runs: asyncio's own handler would wait for a command that
    blocks, and end the program at the second one only."""
    if threading.get_ident() == _main:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _ctrl_c)


def _ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
