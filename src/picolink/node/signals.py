"""Signals on a host, kept out of work that is half done (CPython only).

Python runs a signal's handler between any two steps of the main thread, and what a handler raises
(Ctrl-C, a program's own alarm) would leave a session in pieces. While the main thread holds a
connection's lock, handlers wait for a moment.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_AGAIN_S = 0.001
_SIGNALS = [
    number
    for name in ("SIGINT", "SIGALRM", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None
]
_locks: list[Any] = []  # those of all connections
_main = threading.main_thread().ident


class _Patient:
    """A signal's handler that does not run while this thread holds a lock of ours."""

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        for lock in _locks:
            if lock._is_owned():
                _thread.start_new_thread(_again, (number,))
                return None
        return self.handler(number, frame)


def _again(number: int) -> None:
    time.sleep(_AGAIN_S)
    _thread.interrupt_main(signal.Signals(number))


def protect(lock: Any) -> None:
    """Keeps handlers out while the main thread holds `lock`: those that there are now."""
    if threading.get_ident() != _main:
        return
    if lock not in _locks:
        _locks.append(lock)
    for number in _SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler) and not isinstance(handler, _Patient):
            signal.signal(number, _Patient(handler))


def release(lock: Any) -> None:
    """The connection is closed. After the last one handlers are again as they were."""
    if lock in _locks:
        _locks.remove(lock)
    if not _locks and threading.get_ident() == _main:
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if isinstance(handler, _Patient):
                signal.signal(number, handler.handler)
