"""`picolink where`: a board's traceback, with the source files in it."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from ..core.errors import UsageError
from ..packing.tracebacks import located

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


def run(options: argparse.Namespace) -> int:
    """Prints the text line by line, as it comes."""
    if options.file in (None, "-"):
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        text = _Text("what comes in")
        for line in sys.stdin:
            print(located(text.checked(line)), end="", flush=True)
        return 0
    try:
        read = Path(options.file).read_text("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"can't read {options.file}: {error.strerror}") from None
    print(located(_Text(options.file).checked(read)), end="")
    return 0
