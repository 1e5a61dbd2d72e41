"""A call of a command, with arguments from the command line.

Arguments are JSON where they can be (21.5, true, null, [1,2], '"7"'), else text.
NAME=VALUE is passed by name, @FILE as the file's bytes (@- is the standard input).
What comes after -- is never an option. A command that streams prints a line per item.

    picolink call usb:auto led_set on
    picolink call greenhouse water 2.5 valve=north --timeout 60
    picolink call tcp:192.168.1.20 store @photo.jpg
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...core.errors import BadArguments
from ..command_line.arguments import address_argument, json_option
from ..command_line.parser import CommandParser
from ..command_line.values import parse_arguments
from ..connecting import offers, open_board
from ..output import Progress, print_json, print_value, usage

if TYPE_CHECKING:
    from ...node.host.blocking import Board


def arguments(parser: CommandParser) -> None:
    parser.intermixed = True
    address_argument(parser)
    parser.add_argument(
        "command", metavar="COMMAND", help="its name; `picolink describe` lists them"
    )
    parser.add_argument(
        "arguments", metavar="ARG", nargs="*", default=[], help="VALUE, NAME=VALUE or @FILE"
    )
    json_option(parser, "print the result as JSON, for scripts")
    parser.add_argument(
        "--traceback", action="store_true", help="where the command raised, show its traceback"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
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
