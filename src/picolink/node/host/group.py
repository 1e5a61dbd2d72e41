"""Many boards at once: a result or an error for each (CPython only)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...core.errors import PicolinkError, UsageError
from .blocking import Board, connect


class Results(dict[str, Any]):
    """What many boards answered: address -> result, or the error it ended with."""

    @property
    def errors(self) -> dict[str, PicolinkError]:
        """Only those that failed."""
        return {a: v for a, v in self.items() if isinstance(v, PicolinkError)}


class Boards:
    """Many boards as one: each method gives a result or an error for each."""

    def __init__(self, boards: dict[str, Board | PicolinkError]) -> None:
        self.boards = {a: b for a, b in boards.items() if isinstance(b, Board)}
        self.errors = {a: b for a, b in boards.items() if isinstance(b, PicolinkError)}

    def _each(self, what: Callable[[Board], Any]) -> Results:
        def one(board: Board) -> Any:
            try:
                return what(board)
            except PicolinkError as error:
                return error

        results = Results(self.errors)
        if self.boards:
            with ThreadPoolExecutor(len(self.boards)) as pool:
                results.update(zip(self.boards, pool.map(one, self.boards.values())))
        return results

    def call(self, command: str, *args: Any, **named: Any) -> Results:
        """Runs a command at all of them at once."""
        return self._each(lambda board: board.call(command, *args, **named))

    def read(self, name: str) -> Results:
        """The present value of a reading of each."""
        return self._each(lambda board: board.read(name))

    def close(self) -> None:
        """Closes all connections."""
        self._each(Board.close)

    def __iter__(self) -> Iterator[Board]:
        return iter(self.boards.values())

    def __len__(self) -> int:
        return len(self.boards)

    def __enter__(self) -> Boards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect_all(addresses: Iterable[str], *, timeout_s: float = 10) -> Boards:
    """Connects to many nodes at once. Those that can't be reached stand in `errors`."""

    made: list[Board] = []
    given_up = threading.Event()

    def one(address: str) -> Board | PicolinkError:
        try:
            board = connect(address, timeout_s=timeout_s)
        except PicolinkError as error:
            return error
        made.append(board)
        if given_up.is_set():
            board.close()
        return board

    addresses = list(dict.fromkeys(addresses))
    for address in addresses:
        if not isinstance(address, str):
            raise UsageError(f"{address!r} is no address")
    pool = ThreadPoolExecutor(max(1, len(addresses)))
    try:
        return Boards(dict(zip(addresses, pool.map(one, addresses))))
    except BaseException:  # a Ctrl-C: nobody would have those that came about, or still will
        given_up.set()
        for board in made:
            board.close()
        raise
    finally:
        pool.shutdown(wait=False)
