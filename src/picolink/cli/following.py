"""What comes from a board, as it comes, and whether its link is there."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ..node.host.blocking import Board

#: How often link and window are looked at while nothing comes.
LOOK_S = 0.25

Item = TypeVar("Item")


def follow(
    board: Board, arrived: queue.SimpleQueue[Item], count: int | None, seconds: float | None
) -> Iterator[Item | bool | None]:
    """What comes into `arrived`, `count` of them; True or False when the link came or went; None
    every `LOOK_S` without one."""
    end_s = None if seconds is None else time.monotonic() + seconds
    linked = True
    while count is None or count > 0:
        left_s = LOOK_S if end_s is None else min(LOOK_S, end_s - time.monotonic())
        if left_s <= 0:
            return
        try:
            item: Item | None = arrived.get(timeout=left_s)
        except queue.Empty:
            item = None
        if board.connected != linked:
            linked = not linked
            yield linked
        yield item
        if item is not None and count is not None:
            count -= 1


def say(text: str) -> None:
    """What is no item goes to stderr."""
    print(f"picolink: {text}", file=sys.stderr, flush=True)


def say_link(board: Board, up: bool) -> None:
    """That the link is lost, or back."""
    say(f"{board.name} is back" if up else f"{board.name} is lost ({board.why}); trying again")
