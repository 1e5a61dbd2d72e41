"""What a board tells of itself.

picolink describe usb:auto
"""

from __future__ import annotations

import argparse
from typing import Any

from ..command_line.arguments import address_argument, json_option
from ..connecting import open_board
from ..output import print_json, table, usage


def arguments(parser: argparse.ArgumentParser) -> None:
    address_argument(parser)
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints what the board tells of itself."""
    with open_board(options) as board:
        told = board.describe()
        if options.json:
            print_json(told)
        else:
            print(_description(told))
    return 0


def _description(told: dict[str, Any]) -> str:
    lines = [
        f"{told['name']}  ({told['machine']}, {told['firmware']}, uid {told['uid']})",
        f"links: {', '.join(told['links']) or 'none'}",
    ]
    rows: list[tuple[str, ...]] = []
    for name, about in sorted(told["commands"].items()):
        notes = [about["help"]] if about["help"] else []
        if about["stream"]:
            notes.append("(stream)")
        if about["blocking_s"]:
            notes.append(f"(may take {about['blocking_s']:g} s)")
        shown = usage(name, about) if about["declared"] else name
        rows.append((shown, " ".join(notes)))
    lines += ["commands:", table(rows, "  ") or "  none"]
    rows = [
        (name, about["unit"] or "-", f"every {about['every_s']:g} s", about["help"])
        for name, about in sorted(told["readings"].items())
    ]
    lines += ["readings:", table(rows, "  ") or "  none"]
    return "\n".join(lines)
