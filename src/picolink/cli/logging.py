"""`picolink log`: what a board's program prints. Over USB it is the text among the frames;
other links carry the topic `sys.log`."""

from __future__ import annotations

import argparse
import queue
import sys
import time

from ..links.host.user_address import normalise
from ..packing.tracebacks import located
from .connecting import open_board
from .output import print_json
from .watching import LOOK_S


def run(options: argparse.Namespace) -> int:
    """Prints the lines as they come until Ctrl-C or the limit."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    over_usb = normalise(options.address).startswith("usb:")
    left = options.count
    with open_board(options, on_log=lines.put if over_usb else None) as board:
        if not over_usb:
            for line in board.call("sys.log"):
                lines.put(line)
            board.subscribe("sys.log", lambda reading: lines.put(str(reading.value)))
        end_s = None if options.seconds is None else time.monotonic() + options.seconds
        linked = True
        while left is None or left > 0:
            wait_s = LOOK_S if end_s is None else min(LOOK_S, end_s - time.monotonic())
            if wait_s <= 0:
                break
            if board.connected != linked:
                linked = not linked
                text = "is back" if linked else f"is lost ({board.why}); trying again"
                print(f"picolink: {board.name} {text}", file=sys.stderr, flush=True)
            try:
                line = lines.get(timeout=wait_s)
            except queue.Empty:
                continue
            line = located(line)
            if options.json:
                print_json({"time": round(time.time(), 3), "line": line})
            else:
                print(line, flush=True)
            if left is not None:
                left -= 1
    return 0
