"""`picolink where`: a board's traceback, with the source files in it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..core.errors import UsageError
from ..packing.tracebacks import located


def run(options: argparse.Namespace) -> int:
    """Prints the text line by line, as it comes."""
    if options.file in (None, "-"):
        for line in sys.stdin:
            print(located(line), end="", flush=True)
        return 0
    try:
        print(located(Path(options.file).read_text("utf-8", "replace")), end="")
    except OSError as error:
        raise UsageError(f"can't read {options.file}: {error.strerror}") from None
    return 0
