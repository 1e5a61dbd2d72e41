"""Connecting for a command, and better words for what a board does not know."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..core.errors import BadAddress, PicolinkError
from ..links.shown import shown
from ..node.host.blocking import Board, connect
from .output import Progress


def open_board(options: argparse.Namespace, on_log: Callable[[str], object] | None = None) -> Board:
    """The board at the address on the command line."""
    scheme = options.address.partition(":")[0]
    if scheme.endswith("-listen"):
        raise BadAddress(
            f"{shown(options.address)} waits for others: it is an address for node.run(). To reach "
            f"a node use {scheme.removesuffix('-listen')}:..."
        )
    with Progress(f"connecting to {shown(options.address)}"):
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
