"""Threads of this program take turns at a port, which has one opener: a board that is asked for its
name is not found busy by who wants to connect to it. Host only."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE_S = 5.0

_changed = threading.Condition()
_taken: set[str] = set()  # ports, by their real paths


@contextmanager
def turn(path: str) -> Iterator[None]:
    """Waits until no other thread has its turn at the port, though not for ever."""
    path = os.path.realpath(path)
    with _changed:
        mine = _changed.wait_for(lambda: path not in _taken, _PATIENCE_S)
        _taken.add(path)
    try:
        yield
    finally:
        with _changed:
            if mine:
                _taken.discard(path)
            _changed.notify_all()
