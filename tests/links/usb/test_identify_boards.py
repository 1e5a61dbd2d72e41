"""The same, by the real interpreter's own prompt: a virtual board in each of its states."""

from __future__ import annotations

import os
import select
import time

import pytest

from picolink.core.textstream import PROMPT, encode
from picolink.links.usb import identify as r
from picolink.links.usb.discover import open_exclusive
from picosim import World

HELLO = encode(b"\x01\x90hello-from-laptop\x00\x07\x0d" * 2, PROMPT)
BROKEN = "def f():\n    1/0\nf()\n"
PRINTS = "import time\nwhile True:\n    print('t 21')\n    time.sleep_ms(20)\n"


def answer(fd: int, until: bytes, deadline_s: float) -> bytes:
    """What comes, until it ends with `until` or the time is over."""
    data, end = b"", time.monotonic() + deadline_s
    while not (until and data.endswith(until)) and (left := end - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            data += os.read(fd, 4096)
    return data


@pytest.mark.parametrize(
    ("main", "before", "kind", "words"),
    [
        ("", b"", r.PROMPT, "no program is running"),
        ("", b"\x01", r.RAW_REPL, "raw REPL"),
        (BROKEN, b"", r.TRACEBACK, "ZeroDivisionError: divide by zero, in main.py line 2"),
        (PRINTS, b"", r.PROGRAM, 'it prints "t 21"'),
    ],
    ids=["prompt", "raw REPL", "traceback", "program"],
)
def test_a_virtual_board(main: str, before: bytes, kind: str, words: str) -> None:
    with World(seed=1) as world:
        board = world.board("board", main=main)
        board.wait_ready(10)
        fd = open_exclusive(board.usb_path)
        try:
            rest = answer(fd, b">>> ", 0.5 if main == PRINTS else 5)
            if before:
                os.write(fd, before)
                rest = answer(fd, b"\r\n>", 5)[:0]  # as if an earlier opener had read it
            os.write(fd, HELLO)
            after_hello = answer(fd, b"", r.ANSWER_MS / 1000)
            os.write(fd, r.PROBE)
            after_probe = answer(fd, b">>> ", 0.5 if main == PRINTS else 5)
        finally:
            os.close(fd)
    result = r.identify(rest, after_hello, after_probe, hello=HELLO)
    assert result.kind == kind
    assert words in result.what
