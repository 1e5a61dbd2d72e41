"""What a board counts.

picolink stats usb:auto
"""

from __future__ import annotations

import argparse
from typing import Any

from ..connecting import open_board
from ..output import print_json, table
from .describe import arguments as arguments

_WORDS = {
    "uptime_ms": "time since start, ms",
    "stale": "late packets of old attaches, ignored",
    "malformed": "packets that made no sense, dropped",
    "damaged": "frames with a wrong CRC, dropped",
    "free_bytes": "free memory, bytes",
    "used_bytes": "used memory, bytes",
}


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    with open_board(options) as board:
        told = board.stats()
        if options.json:
            print_json(told)
        else:
            print(_counters(told))
    return 0


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
