"""Starts the board's program and calls it."""

from __future__ import annotations

import time
from typing import Any

import picolink

from ..core.errors import CannotConnect, PicolinkError
from ..links.usb.identify import DEAF_NODE, PROMPT, TRACEBACK, WORDS
from .errors import InstallError
from .repl import Repl, heard

_START_S = 3.0  # a program that ended by then has ended for good
_NODE = b": listening on usb:"  # what a node prints
_ENDED = (WORDS[PROMPT], WORDS[TRACEBACK])
_DEAF = WORDS[DEAF_NODE]


def loads(repl: Repl) -> None:
    """`InstallError` where the board can't load what was brought."""
    try:
        repl.run("from picolink import Node as _pl_node")
    except InstallError as error:
        raise InstallError(
            f"picolink was copied, and the board can't load it: {error}. Is the memory taken by "
            "boot.py? Run `picolink install` again; `picolink uninstall` removes it"
        ) from None


def call(path: str, timeout_s: float) -> dict[str, Any]:
    """Restarts boot.py and main.py as power on does, and asks the node there what it is."""
    end_s = time.monotonic() + timeout_s
    try:
        try:
            return _describe(path, min(_START_S, timeout_s), start=True)
        except CannotConnect as error:
            # It may be joining a network first, and says so when its node runs. Nothing more is
            # sent until then: what a program does not read would fill its port, and keep Ctrl-C
            # out too.
            left_s = end_s - time.monotonic()
            ended = error.kind in _ENDED
            there = error.kind == _DEAF  # it has said so already
            if ended or left_s <= 0 or not (there or _NODE in heard(path, left_s, _NODE)):
                raise
            left_s = end_s - time.monotonic()  # it is there: a slow one is waited for
            return _describe(path, max(_START_S, left_s), start=False)
    except PicolinkError as error:
        raise CannotConnect(
            f"picolink is installed, and the board's program does not answer: {error}"
        ) from error


def _describe(path: str, timeout_s: float, *, start: bool) -> dict[str, Any]:
    with picolink.connect(path, timeout_s=timeout_s, start=start) as board:
        told: dict[str, Any] = board.describe()
    return told
