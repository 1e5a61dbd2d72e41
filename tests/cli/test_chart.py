"""The chart in the terminal, and `watch` on a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable

import pytest

from picolink.cli.chart import Series, draw, frame
from picosim import VirtualBoard


def dots(line: str) -> int:
    return sum((ord(c) - 0x2800).bit_count() for c in line if 0x2800 <= ord(c) < 0x2900)


def test_a_rising_line_goes_from_the_bottom_left_to_the_top_right() -> None:
    lines = draw([float(i) for i in range(40)], columns=30, rows=4)
    assert len(lines) == 4 and all(len(line) <= 30 for line in lines)
    assert lines[0].startswith("39 ┤") and lines[3].startswith(" 0 ┤")
    chart = [line.partition("┤")[2] for line in lines]
    assert dots(chart[0][:10]) == 0 and dots(chart[0][10:]) > 0
    assert dots(chart[3][:10]) > 0 and dots(chart[3][10:]) == 0


def test_a_flat_line_is_in_the_middle() -> None:
    chart = draw([5.0] * 20, columns=20, rows=3)
    assert [dots(line) > 0 for line in chart] == [False, True, False]


def test_a_gap_is_left_open() -> None:
    series = Series()
    for value, missed in ((1.0, 0), (2.0, 0), (None, 0), (1.0, 3)):
        series.add(value, missed)
    assert list(series.values) == [1.0, 2.0, None, None, None, None, 1.0]
    assert (series.count, series.missed, series.lowest, series.highest) == (4, 3, 1.0, 2.0)


@pytest.mark.parametrize("columns", [1, 5, 12, 80, 300])
@pytest.mark.parametrize("rows", [1, 2, 3, 24])
def test_it_fits_into_any_window(columns: int, rows: int) -> None:
    series = Series()
    for i in range(1000):
        series.add(i * 1234.5678 % 97)
    lines = frame("title " * 30, "status " * 30, series, columns, rows)
    assert len(lines) <= rows
    assert max(map(len, lines)) <= max(columns, 12)


class Window:
    """A pseudo-terminal of a size, and what was written to it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.fd, self.other = os.openpty()
        self.seen = ""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, what: Callable[[str], object], timeout_s: float = 10) -> str:
        """What was written up to when `what` holds of it."""
        end_s = time.monotonic() + timeout_s
        while not what(self.seen):
            left_s = end_s - time.monotonic()
            assert left_s > 0 and select.select([self.fd], [], [], left_s)[0], self.seen[-2000:]
            self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
        seen, self.seen = self.seen, ""
        return seen


def widest(text: str) -> int:
    frames = text.split("\x1b[H")[1:-1]
    lines = [line for frame in frames for line in re.split(r"\r+\n", frame)]
    return max(len(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)) for line in lines)


def test_watch_draws_follows_the_window_and_leaves_the_terminal_as_it_was(
    board: VirtualBoard,
    start: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = Window(60, 12)
    with start("watch", "usb:shed", "level", stdout=window.other) as watch:
        try:
            text = window.until(lambda seen: seen.count("\x1b[H") > 5 and "min" in seen)
            assert text.startswith("\x1b[?1049h\x1b[?25l")
            assert 40 < widest(text) <= 60
            window.resize(30, 8)
            window.until(lambda seen: seen.count("\x1b[H") > 3)  # drawn before it was noticed
            text = window.until(lambda seen: seen.count("\x1b[H") > 5)
            assert 15 < widest(text) <= 30 and max(f.count("\n") for f in text.split("\x1b[H")) < 8
            board.unplug()
            window.until(lambda seen: "LINK LOST" in seen)
            board.plug()
            window.until(lambda seen: "shed level  " in seen)
        finally:
            watch.send_signal(signal.SIGINT)
        assert watch.wait(10) == 130
    assert "\x1b[?25h\x1b[?1049l" in window.until(lambda seen: "1049l" in seen)
