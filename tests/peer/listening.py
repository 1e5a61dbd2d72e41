"""Where picolink dials this peer: helpers of the tests of that side."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import picolink

from .calls import Peer
from .links import Link, Lost, TcpListener
from .session import Over, receive_hello
from .wire import Hello

Work = Callable[[str], Any]


class Listening:
    """A listening peer in the test's thread, and picolink in another."""

    def __init__(self) -> None:
        self.listener = TcpListener()
        self.pool = ThreadPoolExecutor(2)
        self.links: list[Link] = []

    def dialed_by(self, work: Work, **about: Any) -> tuple[Peer, Future]:
        """Begins `work(address)` in a thread; returns the peer that it dialed, and its future."""
        future = self.pool.submit(work, self.listener.address)
        peer = Peer(name="stranger", **about)
        peer.listen(self.link())
        return peer, future

    def asked(self, work: Work) -> tuple[Link, Hello, Future]:
        """Begins `work(address)`; returns the link, the hello that came on it, and the future."""
        future = self.pool.submit(work, self.listener.address)
        link = self.link()
        return link, receive_hello(link, time.monotonic() + 3), future

    def link(self) -> Link:
        self.links.append(self.listener.accept())
        return self.links[-1]

    def finish(self, peer: Peer, future: Future, timeout_s: float = 8) -> Any:
        """Serves until the work is done, and picolink says goodbye; returns its result."""
        with contextlib.suppress(Over, Lost):
            peer.run(future.done, timeout_s)
        return future.result(timeout_s)

    def end(self) -> None:
        for link in self.links:
            link.close()
        self.listener.close()
        self.pool.shutdown()


def with_board(function: Callable[[Any], Any], **options: Any) -> Work:
    """Work that connects, does something, and closes."""

    def work(address: str) -> Any:
        with picolink.connect(address, timeout_s=5, **options) as board:
            return function(board)

    return work


def outcome(function: Callable[[], Any]) -> Any:
    """What a call of picolink's ended as."""
    try:
        return function()
    except picolink.PicolinkError as e:
        return e


def connecting(timeout_s: float = 3.0) -> Work:
    """Work that connects, and tells how that ended."""
    return lambda address: outcome(lambda: picolink.connect(address, timeout_s=timeout_s))


def calling(*args: Any, **options: Any) -> Work:
    """Work that makes one call, and tells how it ended."""
    return with_board(lambda board: outcome(lambda: board.call(*args, **options)))
