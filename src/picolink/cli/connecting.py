"""Connecting for a command, and better words for what a board does not know."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterable
from typing import Any

from ..core.errors import BadAddress, PicolinkError
from ..links.forgiving import normalise
from ..node.blocking import Board, connect
from .output import Progress


def open_board(options: argparse.Namespace, on_log: Callable[[str], object] | None = None) -> Board:
    """The board at the address on the command line."""
    scheme = normalise(options.address).partition(":")[0]
    if scheme.endswith("-listen"):
        raise BadAddress(
            f"{options.address} waits for others: it is an address for node.run(). To reach a node "
            f"use {scheme.removesuffix('-listen')}:..."
        )
    with Progress(f"connecting to {options.address}"):
        return connect(
            options.address,
            timeout_s=options.timeout or 1e6,
            start=getattr(options, "start", False),
            on_log=on_log,
        )


def offers(board: Board) -> dict[str, Any]:
    """What `describe` tells, or nothing where the board has no such service."""
    try:
        return board.describe()
    except PicolinkError:
        return {}


def suggestion(name: str, known: Iterable[str]) -> str:
    """ "Did you mean ...?", or what there is, as the end of a sentence."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1, 0.6)
    if near:
        return f"did you mean {near[0]}?"
    if not names:
        return "it has none"
    return f"there are: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
