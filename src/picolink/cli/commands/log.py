"""What a board's program prints: over USB the text among the frames; other links carry the topic
`sys.log`.

    picolink log usb:auto
    picolink log tcp:192.168.1.20 --seconds 10
"""

from __future__ import annotations

import argparse
import queue
import time

from ...links.host.user_address import normalise
from ...packing.tracebacks import located
from ..command_line.arguments import address_argument, json_option, limits
from ..connecting import open_board
from ..following import follow, say_link
from ..output import print_json


def arguments(parser: argparse.ArgumentParser) -> None:
    address_argument(parser)
    limits(parser)
    json_option(parser, "print a JSON object per line")


def run(options: argparse.Namespace) -> int:
    """Prints the lines as they come until Ctrl-C or the limit."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    over_usb = normalise(options.address).startswith("usb:")
    with open_board(options, on_log=lines.put if over_usb else None) as board:
        if not over_usb:
            for line in board.call("sys.log"):
                lines.put(line)
            board.subscribe("sys.log", lambda reading: lines.put(str(reading.value)))
        for item in follow(board, lines, options.count, options.seconds):
            if isinstance(item, bool):
                say_link(board, item)
            elif item is not None:
                line = located(item)
                if options.json:
                    print_json({"time": round(time.time(), 3), "line": line})
                else:
                    print(line, flush=True)
    return 0
