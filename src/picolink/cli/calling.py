"""`picolink call` and `picolink read`."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.errors import BadArguments, UnknownCommand
from ..node.host.blocking import Board
from ..node.host.unknown import not_there, unknown
from .connecting import offers, open_board
from .output import Progress, print_json, print_value, reading_object, show_reading, table
from .values import parse_arguments


def run(options: argparse.Namespace) -> int:
    """Runs the command or reads the readings."""
    if hasattr(options, "readings"):
        return _read(options)
    ordered, named = parse_arguments(options.arguments)
    with open_board(options) as board:
        try:
            with Progress(f"waiting for {options.command}"):
                value = board.call(options.command, *ordered, timeout_s=options.timeout, **named)
        except BadArguments as error:
            told = offers(board).get("commands", {}).get(options.command)
            if told and told["stream"]:
                return _stream(board, options, ordered, named)
            if told and told["declared"]:
                raise BadArguments(f"{error} (usage: {usage(options.command, told)})") from None
            raise
        (print_json if options.json else print_value)(value)
    return 0


def _stream(board: Board, options: argparse.Namespace, ordered: list[Any], named: Any) -> int:
    for item in board.stream(options.command, *ordered, **named):
        (print_json if options.json else print_value)(item)
    return 0


def usage(name: str, told: dict[str, Any]) -> str:
    """A command and what it takes: `led_set state=on|off|toggle|?`; in brackets what may be left
    out."""
    words = [name]
    for arg, what in told["args"]:
        word = f"{arg}={what or 'VALUE'}"
        words.append(f"[{word}]" if arg in told.get("defaults", {}) else word)
    return " ".join(words)


def _read(options: argparse.Namespace) -> int:
    rows = []
    with open_board(options) as board:
        names = options.readings or list(offers(board).get("readings", {}))
        for name in names:
            try:
                reading = board.read(name, timeout_s=options.timeout)
            except UnknownCommand:
                raise unknown_reading(board, name) from None
            if options.json:
                print_json(reading_object(name, reading))
            else:
                rows.append((name, show_reading(reading)))
        if not names:
            raise UnknownCommand(
                f"{board.name} offers no readings: declare one there with @node.reading(...)"
            )
    if len(rows) == 1:
        print(rows[0][1])
    elif rows:
        print(table(rows))
    return 0


def unknown_reading(board: Board, name: str) -> UnknownCommand:
    """The error for a reading that is not declared there."""
    told = offers(board)
    if name in told.get("commands", {}):
        why = f"{name} is a command of {board.name}, no reading"
        return unknown(name, why, "use `picolink call`", "is_command")
    why = f"{board.name} has no reading {name!r}"
    return not_there(name, why, told.get("readings", {}) if told else None)
