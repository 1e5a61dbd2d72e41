"""The arguments of `picolink call`: JSON where they can be, else text; files as bytes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.errors import UsageError

_NAMED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.S)


def parse_value(text: str) -> Any:
    """One argument as a value: `21.5`, `true`, `[1]`, `"7"`, `on`, `@photo.jpg`."""
    if text.startswith("@"):
        return _file(text[1:])
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def parse_arguments(texts: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    """All arguments as those in order and those by name; what is in order may follow a name."""
    ordered: list[Any] = []
    named: dict[str, Any] = {}
    for text in texts:
        match = _NAMED.fullmatch(text)
        if match is None:
            ordered.append(parse_value(text))
        elif match[1] in named:
            raise UsageError(f"{match[1]}= is given twice: give it once")
        else:
            named[match[1]] = parse_value(match[2])
    return ordered, named


def _file(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(
            f"can't read the file {name!r}: {error.strerror}. @FILE passes a file's bytes; "
            f"to pass the text itself write '\"@{name}\"'"
        ) from None


def _no_number(text: str) -> Any:
    # NaN and infinity are no JSON: a word, like any other
    raise ValueError(text)
