"""The event loop of links whose libraries want one: all of a program share it, in a thread of its
own, so that they serve programs with asyncio and without. Host only."""

from __future__ import annotations

import asyncio
import threading

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def shared_loop() -> asyncio.AbstractEventLoop:
    """The loop, running."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="picolink links", daemon=True).start()
        return _loop
