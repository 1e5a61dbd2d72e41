"""What time a board thinks it is.

A board that runs on Wi-Fi asks time servers by itself, another one its peers.

    picolink time usb:auto
    picolink time greenhouse --set --zone Europe/Berlin
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from ...core.errors import UsageError
from ...net.places import own_zone, rule
from ..command_line.arguments import address_argument, json_option
from ..connecting import open_board
from ..output import print_json

_WHO = {
    "unknown": "it does not know the time: nobody has told it yet",
    "rtc": "its own clock, set before it was last reset",
    "peer": "told by a peer",
    "ntp": "told by time servers",
    "system": "the clock of its system",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    address_argument(parser)
    parser.add_argument("--set", action="store_true", help="set it from this computer's clock")
    parser.add_argument(
        "--zone", metavar="PLACE", default="", help="local time there, as Europe/Berlin"
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints a board's time, after setting it where that is asked for."""
    wishes: dict[str, Any] = {}
    if options.zone:
        try:
            wishes["zone"] = rule(options.zone)
        except LookupError as error:
            raise UsageError(str(error)) from None
    elif options.set and (zone := own_zone()):
        wishes["zone"] = zone
    with open_board(options) as board:
        if options.set:
            wishes["set_to"] = time.time_ns() // 1_000_000
        asked_s = time.time()
        told = board.call("sys.time", **wishes)
        told["ahead_ms"] = None
        if told["unix_ms"] is not None:
            told["ahead_ms"] = round(told["unix_ms"] - (asked_s + time.time()) * 500)
        if options.json:
            print_json(told)
        else:
            print(_shown(told))
    return 0


def _shown(told: dict[str, Any]) -> str:
    lines = []
    if told["unix_ms"] is not None:
        ahead_s = told["ahead_ms"] / 1000
        off = "as here" if abs(ahead_s) < 0.5 else f"{abs(ahead_s):.1f} s "
        if abs(ahead_s) >= 0.5:
            off += "ahead of here" if ahead_s > 0 else "behind here"
        lines.append(f"{told['text']}  ({off})")
    lines.append(_WHO.get(told["quality"], told["quality"]))
    if told["why"]:
        lines.append(f"last problem: {told['why']}")
    if not told["zone"]:
        lines.append("no zone: its local time is UTC (--zone Europe/Berlin sets one)")
    return "\n".join(lines)
