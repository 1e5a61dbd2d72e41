"""Looks at a virtual board's files from outside, as the tests need it."""

from __future__ import annotations

from picolink.install.plan import LIB, NEW, OLD, SWAP
from picolink.install.repl import Repl
from picolink.links.usb.discover import Port
from picolink.sim import VirtualBoard

PLACES = (LIB, NEW, OLD, SWAP, "/main.py", "/picolink.json", "/picolink-help.json")


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
