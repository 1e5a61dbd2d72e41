"""What waits for a board: events, which it fetches in its scheduler's turn, and questions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

BATCH = 16


class Inbox:
    """Of one board; `wake()` has it fetch, and is called once for all that comes until then."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._events: deque[list[Any]] = deque()
        self._told = False
        self._batch = 0
        self._fetched: list[list[Any]] = []  # by the board, of that number
        self._requests: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._request = 0

    def __len__(self) -> int:
        """How many events the board has not dealt with."""
        return len(self._events) + len(self._fetched)

    def post(self, *event: Any) -> None:
        """Something happened; the board will be told."""
        self._events.append(list(event))
        if not self._told:
            self._told = True
            self._wake()

    def ask(
        self, event: int, connection: int, handle: int, data: str
    ) -> asyncio.Future[tuple[int, bytes]]:
        """Tell the board of something that it is to answer: (status, value)."""
        self._request += 1
        future = asyncio.get_running_loop().create_future()
        self._requests[self._request] = future
        self.post(event, connection, handle, self._request, data)
        return future

    def fetch(self, batch: int, answers: list[tuple[int, int, str]]) -> tuple[int, list[list[Any]]]:
        """The board has done all up to a batch, and answers what it was asked; the next one.

        Where it did not get the last (a Ctrl-C came into that) it gets it again.
        """
        for number, status, value in answers:
            future = self._requests.pop(number, None)
            if future and not future.done():
                future.set_result((status, bytes.fromhex(value)))
        if batch == self._batch:
            self._batch += 1
            self._fetched = [self._events.popleft() for _ in range(min(BATCH, len(self._events)))]
        self._told = bool(self._fetched)
        return self._batch, self._fetched

    def clear(self) -> None:
        """The board will not fetch any more."""
        for future in self._requests.values():
            future.cancel()
        self._requests.clear()
        self._events.clear()
        self._fetched = []
