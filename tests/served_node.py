"""A node on TCP in a thread of this process, for tests of blocking programs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import picolink
from picolink.node.closing import stop
from picolink.node.node import Node
from picolink.node.opening import open_all


class Served:
    """`node` runs in a loop of its own; `at` is its address."""

    def __init__(self, node: Node, listens: str = "tcp-listen:127.0.0.1:0") -> None:
        self.node = node
        self._listens = listens
        self.at = ""
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with contextlib.closing(self.loop):
            self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        await open_all(self.node, [self._listens])
        self.at = self.node.listeners[0][0].address.replace("-listen:", ":", 1)
        self._ready.set()
        await self._end.wait()
        stop(self.node)
        await asyncio.sleep(0)

    def start(self) -> Served:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def do(self, function: Callable[[], Any]) -> Any:
        """Calls `function` in the node's loop."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)


@contextlib.contextmanager
def served(declare: Callable[[Node], object]) -> Iterator[Served]:
    """A node as `declare(node)` makes it, while the block runs."""
    node = Node("served", uid=b"served" + os.urandom(4))
    declare(node)
    serving = Served(node).start()
    try:
        yield serving
    finally:
        serving.close()


def fixtures(declare: Callable[[Node], object]) -> tuple[Any, Any]:
    """For a file of tests: its `serving`, a node as `declare(node)` makes it, and its `board`,
    which is connected to that."""

    @pytest.fixture
    def serving() -> Iterator[Served]:
        with served(declare) as serving:
            yield serving

    @pytest.fixture
    def board(serving: Served) -> Iterator[picolink.Board]:
        with picolink.connect(serving.at) as board:
            yield board

    return serving, board


@contextlib.contextmanager
def handled(number: int, handler: Any) -> Iterator[None]:
    """`handler` is the program's for a signal, while the block runs."""
    old = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, old)


def until(ready: Any, seconds: float = 5) -> None:
    """Waits for what other threads bring."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.001)
