"""Arguments that several commands have."""

from __future__ import annotations

import argparse

from .parser import CommandParser

ADDRESS = (
    "usb:auto, usb:NAME, usb:SERIAL, /dev/ttyACM0, tcp:HOST[:PORT], an IP, or a board's name; "
    "`picolink links` lists them"
)


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


def action(parser: CommandParser, name: str, help: str, doc: str | None) -> CommandParser:
    """The parser of `picolink COMMAND ACTION`, the one action of a command, which `doc` is of."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    made: CommandParser = actions.add_parser(name, help=help)
    made.tell(help, doc)
    assert parser.description is not None
    parser.description = parser.description.partition("\n")[0]
    return made


def json_option(parser: argparse.ArgumentParser, help: str = "print JSON, for scripts") -> None:
    parser.add_argument("--json", action="store_true", help=help)


def address_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help=ADDRESS)
    parser.add_argument(
        "--timeout", type=seconds, default=10.0, metavar="S",
        help="seconds to wait for the connection, and for an answer (10)",
    )  # fmt: skip
    parser.add_argument(
        "--start", action="store_true", help="restart the board's main.py first (USB only)"
    )


def usb_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="a board on USB: usb:auto, its port")


def limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=positive, metavar="N", help="end after N of them")
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after S seconds")
