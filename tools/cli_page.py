"""Writes docs/cli.md from the parser: `python tools/cli_page.py`. A test holds the page to it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from picolink.cli.command_line.parser import EXIT_CODES, commands, inner, make_parser

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"

HEAD = """# The command line
Made from the parser by `tools/cli_page.py`; do not edit. `pip install picolink` brings the command;
in a checkout it is `.venv/bin/picolink`.

Every ADDRESS is what [addresses.md](addresses.md) describes. `--json` prints JSON, an object per
line where there are many; bytes are `{"base64": "..."}`. Errors are one line on stderr that begins
with `picolink:`; Ctrl-C leaves every command cleanly. Names of commands and readings that are
mistyped are answered with the nearest one.

| exit code | means |
| --- | --- |
"""


def page() -> str:
    """The text of the page."""
    os.environ["COLUMNS"] = "96"
    text = HEAD + "".join(f"| {code} | {what} |\n" for code, what in EXIT_CODES.items())
    parser = make_parser()
    text += f"\n```\n{parser.format_usage().rstrip()}\n```\n"
    for name, command in commands().items():
        text += f"\n## picolink {name}\n```\n{command.format_help().rstrip()}\n```\n"
        for action in inner(command).values():
            text += f"\n```\n{action.format_help().rstrip()}\n```\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.exit(0)
