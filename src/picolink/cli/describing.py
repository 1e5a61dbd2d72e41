"""`picolink describe` and `picolink stats`."""

from __future__ import annotations

import argparse
from typing import Any

from .calling import usage
from .connecting import open_board
from .output import print_json, table


def run(options: argparse.Namespace) -> int:
    """Prints what the board tells of itself."""
    with open_board(options) as board:
        told = board.describe() if options.what == "describe" else board.stats()
        if options.json:
            print_json(told)
        elif options.what == "describe":
            print(_description(told))
        else:
            print(_counters(told))
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


_WORDS = {
    "uptime_ms": "time since start, ms",
    "stale": "late packets of old attaches, ignored",
    "malformed": "packets that made no sense, dropped",
    "damaged": "frames with a wrong CRC, dropped",
    "free_bytes": "free memory, bytes",
    "used_bytes": "used memory, bytes",
}


def _counters(told: dict[str, Any]) -> str:
    rows = [
        (_WORDS.get(name, name), str(value))
        for name, value in sorted(told.items())
        if name != "sessions"
    ]
    lines = [table(rows)]
    for session in told.get("sessions", []):
        rest = ", ".join(
            f"{name} {value}" for name, value in sorted(session.items()) if name != "peer"
        )
        lines.append(f"session with {session.get('peer') or '?'}: {rest}")
    return "\n".join(lines)
