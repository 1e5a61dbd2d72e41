"""The parser of all commands: what `--help`, `docs/cli.md` and completion are made from."""

from __future__ import annotations

import argparse
import importlib
import os
import textwrap
from typing import Any

#: name -> what it does. A command is the module of its name in `commands/`.
COMMANDS = {
    "devices": "list the boards on USB, real and virtual, with their state, and those in the "
    "network",
    "doctor": "find out what is wrong with a link, why, and what to do",
    "links": "list the kinds of address, and their options",
    "describe": "show what a board is and offers",
    "time": "show what time it is on a board, or set it",
    "stats": "show what a board counts: packets dropped, sent again, memory",
    "call": "run a command on a board and print its result",
    "read": "print the present value of readings",
    "watch": "show a reading as a live chart, or line by line",
    "log": "follow what a board's program prints",
    "install": "bring picolink onto a board on USB, and start it",
    "uninstall": "remove picolink from a board on USB",
    "sim": "run virtual boards",
    "selftest": "check what the simulator assumes of a board, on a real or a virtual one",
    "bench": "measure how fast a link is",
    "where": "show in which source files a board's traceback is",
    "battery": "estimate for how many days a battery lasts",
    "mqtt": "what MQTT brokers need",
    "completion": "print a script that completes commands in a shell",
}

EXIT_CODES = {
    0: "done",
    1: "the other side reported an error, or the command could not do its work",
    2: "wrong usage: an argument, an address, arguments that a command does not take",
    3: "no connection, or it was lost before the call was begun: calling again is safe",
    4: "unknown: sent, and not confirmed in time; it may have been done",
    130: "ended by Ctrl-C",
}


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


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, or of an action of one. It loads the command's module once it is
    asked: most commands need much that the others don't."""

    intermixed = False
    """Options may stand among a list of arguments: argparse gives `call ADDRESS COMMAND --json 1 2`
    an empty list and then does not know 1 and 2."""

    def __init__(self, *, module: str = "", **settings: Any) -> None:
        super().__init__(formatter_class=Help, allow_abbrev=False, **settings)
        self._module = module
        self._inside = False

    def tell(self, help: str, doc: str | None) -> None:
        """Takes its description from the docstring of a module: of the paragraphs after the first
        the last one has examples."""
        *more, examples = (doc or "").strip().split("\n\n")
        shown = textwrap.indent(textwrap.dedent(examples), "  ")
        self.description = "\n\n".join([help[0].upper() + help[1:] + ".", *more[1:]])
        self.epilog = ("examples:\n" if "\n" in examples else "example:\n") + shown

    def load(self) -> None:
        """Has its arguments, and in `run` what does the command's work."""
        name, self._module = self._module, ""
        if name:
            module = importlib.import_module(f"picolink.cli.commands.{name}")
            self.tell(COMMANDS[name], module.__doc__)
            module.arguments(self)
            self.set_defaults(run=module.run)

    def format_help(self) -> str:
        self.load()
        return super().format_help()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.load()
        if not self.intermixed or self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def make_parser() -> argparse.ArgumentParser:
    """The parser of `picolink`."""
    codes = "\n".join(f"  {code:<4} {what}" for code, what in EXIT_CODES.items())
    parser = CommandParser(
        prog="picolink",
        description="Talk to Raspberry Pi Pico W boards, over any link.",
        epilog=f"exit codes:\n{codes}\n\nexample:\n  picolink call usb:auto led_set on",
    )
    from ... import __version__

    parser.add_argument("--version", action="version", version=f"picolink {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, help in COMMANDS.items():
        commands.add_parser(name, help=help, module=name)
    return parser


def commands() -> dict[str, CommandParser]:
    """The parsers of all commands, with their arguments."""
    found: dict[str, CommandParser] = inner(make_parser())
    for parser in found.values():
        parser.load()
    return found


def inner(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The parsers of a parser's own commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
