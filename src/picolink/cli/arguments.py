"""What the parsers of commands are made of: help that is readable, and arguments of many."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

ADDRESS = (
    "usb:auto, usb:NAME, usb:SERIAL, /dev/ttyACM0, tcp:HOST[:PORT], an IP, or a board's name; "
    "`picolink links` lists them"
)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose options may stand among a list of arguments.

    argparse gives `call ADDRESS COMMAND --json 1 2` an empty list and then does not know 1 and 2.
    """

    intermixed = False
    _inside = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self.intermixed or self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


class Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, but readable."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdigit() else None
        super().__init__(prog, max_help_position=28, width=min(width, 96) if width else None)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # Python 3.13 writes `-o, --output FILE`, older ones `-o FILE, --output FILE`: one form
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, action.dest.upper())
        return f"{', '.join(action.option_strings)} {value}"


def command(
    commands: Any, name: str, module: str, help: str, examples: Sequence[str], more: str = ""
) -> argparse.ArgumentParser:
    shown = "\n".join(f"  {line}" for line in examples)
    title = "example" if len(examples) == 1 else "examples"
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + "." + (f"\n\n{more}" if more else ""),
        epilog=f"{title}:\n{shown}",
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.set_defaults(module=module)
    return parser


def seconds(text: str) -> float:
    """A duration; an argument's type."""
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError
    return value


def positive(text: str) -> int:
    """A count of at least one; an argument's type."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def json_option(parser: argparse.ArgumentParser, help: str = "print JSON, for scripts") -> None:
    parser.add_argument("--json", action="store_true", help=help)


def address_argument(parser: argparse.ArgumentParser, start: bool = True) -> None:
    parser.add_argument("address", metavar="ADDRESS", help=ADDRESS)
    parser.add_argument(
        "--timeout", type=seconds, default=10.0, metavar="S",
        help="seconds to wait for the connection, and for an answer (10)",
    )  # fmt: skip
    if start:
        parser.add_argument(
            "--start", action="store_true", help="restart the board's main.py first (USB only)"
        )


def limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=positive, metavar="N", help="end after N of them")
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after S seconds")
