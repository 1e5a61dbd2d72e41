"""How far the work at a board's files is, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..install.installer import Report


@contextmanager
def reported() -> Iterator[Report]:
    """Where progress goes; and what Ctrl-C leaves is told."""
    try:
        yield Report(_say, _step)
    except KeyboardInterrupt:
        _say(
            "interrupted: the board starts what it had, or what is new where all of it was written "
            "already. The same command, run again, goes on from here"
        )
        raise


def _say(text: str) -> None:
    print(f"{clear_line()}picolink: {text}", file=sys.stderr, flush=True)


def _step(number: int, total: int, name: str) -> None:
    """One line on a terminal, which the next one replaces."""
    if sys.stderr.isatty():
        bar = "#" * (number * 20 // total)
        sys.stderr.write(f"{clear_line()}[{bar:<20}] {number}/{total} {name}")
        sys.stderr.flush()


def clear_line() -> str:
    """What takes such a line off the screen."""
    return "\r\x1b[2K" if sys.stderr.isatty() else ""
