"""Readings, as they are now.

picolink read usb:auto
picolink read greenhouse temperature --json
"""

from __future__ import annotations

import argparse

from ...core.errors import UnknownCommand
from ..command_line.arguments import address_argument, json_option
from ..command_line.parser import CommandParser
from ..connecting import offers, open_board, unknown_reading
from ..output import print_json, reading_object, show_reading, table


def arguments(parser: CommandParser) -> None:
    parser.intermixed = True
    address_argument(parser)
    parser.add_argument(
        "readings", metavar="READING", nargs="*", default=[], help="which; all if left out"
    )
    json_option(parser, "print a JSON object per reading, one a line")


def run(options: argparse.Namespace) -> int:
    """Reads them."""
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
