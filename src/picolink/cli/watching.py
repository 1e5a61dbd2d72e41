"""`picolink watch`: a reading as a live chart, or line by line."""

from __future__ import annotations

import argparse
import queue
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

from ..core.errors import UnknownCommand
from ..links.shown import shown
from ..node.client.reading import Reading
from ..node.host.blocking import Board
from .calling import unknown_reading
from .chart import Series, frame
from .connecting import offers, open_board
from .output import clock, print_json, reading_object, show_number, show_reading

#: How often link and window are looked at while nothing comes.
LOOK_S = 0.25
_DRAW_S = 0.05  # as seldom as this however fast readings come


def follow(
    board: Board, topic: str, count: int | None, seconds: float | None
) -> Iterator[Reading | bool | None]:
    """What is published under `topic`: readings; True or False when the link came or went; None
    every `LOOK_S` without one."""
    arrived: queue.SimpleQueue[Reading] = queue.SimpleQueue()
    feed = board.subscribe(topic, arrived.put)
    end_s = None if seconds is None else time.monotonic() + seconds
    linked = True
    try:
        while count is None or count > 0:
            left_s = LOOK_S if end_s is None else min(LOOK_S, end_s - time.monotonic())
            if left_s <= 0:
                return
            try:
                item: Reading | None = arrived.get(timeout=left_s)
            except queue.Empty:
                item = None
            if board.connected != linked:
                linked = not linked
                yield linked
            yield item
            if item is not None and count is not None:
                count -= 1
    finally:
        feed.close()


def run(options: argparse.Namespace) -> int:
    """Follows the reading until Ctrl-C or the limit."""
    with open_board(options) as board:
        told = offers(board)
        if told and options.reading not in told["readings"]:
            error = unknown_reading(board, options.reading)
            if error.kind in ("mistyped", "is_command"):
                raise error
            # A program may publish what it never declared.
            _note(f"{error}. Waiting in case the program publishes it; Ctrl-C ends")
        plain = options.plain or options.json or not sys.stdout.isatty()
        view: _Lines | _Chart
        view = _Lines(options, board) if plain else _Chart(options.reading, board)
        view.begin()
        try:
            for item in follow(board, options.reading, options.count, options.seconds):
                if isinstance(item, bool):
                    view.link(item, board.why)
                elif item is None:
                    view.idle()
                else:
                    view.show(item)
        finally:
            view.end()
        if view.series.count == 0 and (options.count or options.seconds):
            raise UnknownCommand(
                f"nothing was published under {options.reading!r}: `picolink describe "
                f"{shown(options.address)}` lists the readings"
            )
    return 0


def _note(text: str) -> None:
    print(f"picolink: {text}", file=sys.stderr, flush=True)


class _Lines:
    """A line per reading; what happens to the link goes to stderr."""

    def __init__(self, options: argparse.Namespace, board: Board) -> None:
        self.series = Series()
        self._options = options
        self._board = board

    def begin(self) -> None:
        """Nothing to prepare."""

    def show(self, reading: Reading) -> None:
        """Prints it."""
        self.series.add(reading.value, reading.missed)
        if self._options.json:
            print_json(reading_object(self._options.reading, reading))
            return
        missed = f"  ({reading.missed} missed)" if reading.missed else ""
        print(f"{clock(reading.time)}  {show_reading(reading)}{missed}", flush=True)

    def idle(self) -> None:
        """Nothing came."""

    def link(self, up: bool, why: str) -> None:
        """Says that the link is lost, or back."""
        name = self._board.name
        _note(f"{name} is back" if up else f"{name} is lost ({why}); trying again")

    def end(self) -> None:
        """Nothing to tidy up."""


class _Chart:
    """A chart over the whole terminal; the last one stays when it ends."""

    def __init__(self, name: str, board: Board) -> None:
        self.series = Series()
        self._name = name
        self._board = board
        self._last: Reading | None = None
        self._lost = ""
        self._drawn_s = 0.0
        self._waiting = False  # something was not drawn yet
        self._size = shutil.get_terminal_size()

    def begin(self) -> None:
        """Takes the other screen, so that a window that changes its size leaves no rubbish."""
        sys.stdout.write("\x1b[?1049h\x1b[?25l")
        self._draw()

    def show(self, reading: Reading) -> None:
        """Adds it to the chart."""
        self.series.add(reading.value, reading.missed)
        self._last = reading
        self._waiting = True
        if time.monotonic() - self._drawn_s >= _DRAW_S:
            self._draw()

    def idle(self) -> None:
        """Draws again where the window has changed, or a reading waits for it."""
        if self._waiting or shutil.get_terminal_size() != self._size:
            self._draw()

    def link(self, up: bool, why: str) -> None:
        """Shows that the link is lost, or back."""
        self._lost = "" if up else why
        self._draw()

    def end(self) -> None:
        """Gives the terminal back, with the last chart on it."""
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        columns, rows = shutil.get_terminal_size()
        if self.series.count:
            print("\n".join(self.lines(columns, min(rows - 1, 12))))
        sys.stdout.flush()

    def lines(self, columns: int, rows: int) -> list[str]:
        """The chart as lines."""
        series, last = self.series, self._last
        title = f"{self._board.name} {self._name}"
        if self._lost:
            title = f"LINK LOST, trying again: {self._lost}"
        elif last is not None:
            title += f"  {show_reading(last)}"
        status = "waiting for the first reading"
        if last is not None:
            status = f"{clock(last.time)[:8]}  {series.count} readings  missed {series.missed}"
            if series.lowest is not None:
                low, high = show_number(series.lowest), show_number(series.highest)
                status = f"min {low}  max {high}  " + status
        return frame(title, status, series, columns, rows)

    def _draw(self) -> None:
        self._size = size = shutil.get_terminal_size()
        self._drawn_s = time.monotonic()
        self._waiting = False
        lines: list[Any] = self.lines(size.columns, size.lines)
        sys.stdout.write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J")
        sys.stdout.flush()
