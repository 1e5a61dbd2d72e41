"""Looks at a virtual board's files from outside, as the tests need it."""

from __future__ import annotations

import time

from picolink.install.repl import Repl
from picolink.links.usb.discover import Port
from picosim import VirtualBoard


def wait_starts(board: VirtualBoard, count: int, timeout_s: float = 5) -> None:
    """Waits until programs have printed STARTED so many times, and fails where they don't."""
    end_s = time.monotonic() + timeout_s
    while board.log_text().count("STARTED") < count:
        assert time.monotonic() < end_s, f"not started:\n{board.log_text()[-800:]}"
    assert board.log_text().count("STARTED") == count, "started too often"


def tree(board: VirtualBoard) -> dict[str, str]:
    """SHA-256 of all that picolink may write, by path; the program there is restarted."""
    repl = Repl(Port(board.usb_path))
    try:
        repl.enter()
        repl.prepare()
        found = repl.look("/")
        return {path: e.sha256 for path, e in found.items() if not e.folder}
    finally:
        repl.restart()


def read(board: VirtualBoard, path: str) -> bytes:
    """A file of the board; the program there is restarted."""
    repl = Repl(Port(board.usb_path))
    try:
        repl.enter()
        repl.prepare()
        return repl.read(path)
    finally:
        repl.restart()
