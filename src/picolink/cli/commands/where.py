"""A board's traceback, with the source files in it.

On a board most of picolink is one file, whose tracebacks say picolink/*.py. What
`picolink log` and `picolink call --traceback` show has the source files already.

    mpremote run main.py 2>&1 | picolink where
    picolink where traceback.txt
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from ... import __version__
from ...core.errors import UsageError
from ...packing.tracebacks import located, unknown

_FEW = 32
"""A log may have so many characters that are none, of the noise on a line."""
_SHARE = 10
"""Where there are more, one in so many."""


class _Text:
    """Looks at text as it comes; refuses what is none."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._all = 0
        self._odd = 0

    def checked(self, text: str) -> str:
        self._all += len(text)
        self._odd += sum(_is_odd(character) for character in text)
        if self._odd > _FEW and self._odd * _SHARE > self._all:
            raise UsageError(
                f"{self._name} is not text (in UTF-8): give a traceback, or a log that has one"
            )
        return text


def _is_odd(character: str) -> bool:
    """What text does not have: a byte that is no UTF-8, a control character."""
    return character == "\ufffd" or (character < " " and character not in "\t\n\r\b\f\x1b")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="the standard input if left out")


def run(options: argparse.Namespace) -> int:
    """Prints the text line by line, as it comes."""
    lost = 0
    for text in _pieces(options.file):
        shown = located(text)
        lost += unknown(shown)
        print(shown, end="", flush=True)
    if lost:
        places = "a place" if lost == 1 else f"{lost} places"
        print(
            f"picolink: {places} in picolink/*.py can't be found in version {__version__}: the "
            "board has likely another one (`picolink install` brings this one)",
            file=sys.stderr,
        )
    return 0


def _pieces(file: str | None) -> Iterator[str]:
    """The text of a file, or lines as they come in."""
    if file is None or file == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        text = _Text("what comes in")
        yield from map(text.checked, sys.stdin)
        return
    try:
        read = Path(file).read_text("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"can't read {file}: {error.strerror}") from None
    yield _Text(file).checked(read)
