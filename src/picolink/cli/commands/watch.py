"""A reading as it changes.

Where the output is no terminal, or with --plain, each reading is a line. Goes on by
itself when the link is lost and comes back. Ctrl-C ends it.

    picolink watch usb:auto temperature
    picolink watch greenhouse light --seconds 60
"""

from __future__ import annotations

import argparse
import queue
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from ...core.errors import UnknownCommand
from ...links.redact import redact
from ..chart import Series, frame
from ..command_line.arguments import address_argument, json_option, limits
from ..connecting import offers, open_board, unknown_reading
from ..following import follow, say, say_link
from ..output import clock, print_json, reading_object, show_number, show_reading

if TYPE_CHECKING:
    from ...node.client.reading import Reading
    from ...node.host.blocking import Board

_DRAW_S = 0.05  # as seldom as this however fast readings come


def arguments(parser: argparse.ArgumentParser) -> None:
    address_argument(parser)
    parser.add_argument("reading", metavar="READING", help="`picolink describe` lists them")
    limits(parser)
    parser.add_argument("--plain", action="store_true", help="a line per reading, no chart")
    json_option(parser, "print a JSON object per reading, one a line")


def run(options: argparse.Namespace) -> int:
    """Follows the reading until Ctrl-C or the limit."""
    with open_board(options) as board:
        told = offers(board)
        if told and options.reading not in told["readings"]:
            error = unknown_reading(board, options.reading)
            if error.kind in ("mistyped", "is_command"):
                raise error
            # A program may publish what it never declared.
            say(f"{error}. Waiting in case the program publishes it; Ctrl-C ends")
        plain = options.plain or options.json or not sys.stdout.isatty()
        view: _Lines | _Chart
        view = _Lines(options, board) if plain else _Chart(options.reading, board)
        view.begin()
        arrived: queue.SimpleQueue[Reading] = queue.SimpleQueue()
        feed = board.subscribe(options.reading, arrived.put)
        try:
            for item in follow(board, arrived, options.count, options.seconds):
                if isinstance(item, bool):
                    view.link(item)
                elif item is None:
                    view.idle()
                else:
                    view.show(item)
        finally:
            feed.close()
            view.end()
        if view.series.count == 0 and (options.count or options.seconds):
            raise UnknownCommand(
                f"nothing was published under {options.reading!r}: `picolink describe "
                f"{redact(options.address)}` lists the readings"
            )
    return 0


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

    def link(self, up: bool) -> None:
        """Says that the link is lost, or back."""
        say_link(self._board, up)

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

    def link(self, up: bool) -> None:
        """Shows that the link is lost, or back."""
        self._lost = "" if up else self._board.why
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
