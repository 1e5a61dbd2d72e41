"""The event loop of links that want one, for programs without: all of a program share it, in a
thread of its own; and the half of such a link that faces the node. Host only."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ...core.errors import LinkError

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


def _forked() -> None:
    """The thread is the parent's."""
    global _lock, _loop
    _lock = threading.Lock()
    _loop = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class NodeSide:
    """What whoever drives the node calls of such a link. Its other half runs in the shared loop: it
    sends what comes out of `_out` (None: no more), puts into `_packets` what has come and calls
    `on_ready`, and says by `_end` that it is over, which has `_out` end too."""

    pollable = None
    unsent = False

    def __init__(self, address: str) -> None:
        self.address = address
        self.on_text: Callable[[bytes], object] = len
        self.on_ready: Callable[[], object] = int
        self.opened: Future[None] = Future()
        self._loop = shared_loop()
        self._packets: list[bytes] = []
        self._why = ""
        self._out: asyncio.Queue[bytes | None] = asyncio.Queue()

    def receive(self) -> list[bytes]:
        """The packets that have come."""
        why = self._why  # first: what came before is taken before
        packets = self._packets[:]
        del self._packets[: len(packets)]  # of one list: the other thread may just be adding to it
        if not packets and why:
            raise LinkError(why)
        return packets

    def send(self, packet: bytes) -> None:
        """Sends a packet."""
        if self._why:
            raise LinkError(self._why)
        self._loop.call_soon_threadsafe(self._out.put_nowait, bytes(packet))

    def write(self, text: bytes) -> None:
        """There is no text on such a link."""

    def flush(self) -> None:
        """Nothing is ever unsent: the peer's window bounds what waits."""

    def close(self) -> None:
        """Ends it, once all is sent."""
        if not self._why:
            self._why = "closed here"
            self._loop.call_soon_threadsafe(self._out.put_nowait, None)

    def _end(self, why: str) -> None:
        if not self._why:
            self._why = why
            self.on_ready()
        self._out.put_nowait(None)
