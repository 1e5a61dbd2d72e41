"""Connecting for a command, and better words for what a board does not know."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import picolink

from ..core.errors import BadAddress, PicolinkError, UnknownCommand
from ..links.redact import redact
from .output import Progress

if TYPE_CHECKING:
    from ..node.host.blocking import Board


def open_board(options: argparse.Namespace, on_log: Callable[[str], object] | None = None) -> Board:
    """The board at the address on the command line."""
    scheme = options.address.partition(":")[0]
    if scheme.endswith("-listen"):
        raise BadAddress(
            f"{redact(options.address)} waits for others: it is an address for node.run(). "
            f"To reach a node use {scheme.removesuffix('-listen')}:..."
        )
    with Progress(f"connecting to {redact(options.address)}"):
        board: Board = picolink.connect(
            options.address,
            timeout_s=options.timeout or 1e6,
            start=options.start,
            on_log=on_log,
        )
    return board


def offers(board: Board) -> dict[str, Any]:
    """What `describe` tells, or nothing where the board has no such service."""
    try:
        return board.describe()
    except PicolinkError:
        return {}


def unknown_reading(board: Board, name: str) -> UnknownCommand:
    """The error for a reading that is not declared there."""
    from ..node.host.unknown import not_there, unknown

    told = offers(board)
    if name in told.get("commands", {}):
        why = f"{name} is a command of {board.name}, no reading"
        return unknown(name, why, "use `picolink call`", "is_command")
    why = f"{board.name} has no reading {name!r}"
    return not_there(name, why, told.get("readings", {}) if told else None)
