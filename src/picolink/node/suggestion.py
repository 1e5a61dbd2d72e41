"""What may have been meant by a name that is not there (CPython only)."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(name: str, known: Iterable[str]) -> str:
    """ "Did you mean ...?", or what there is, as the end of a sentence."""
    names = sorted(known)
    near = get_close_matches(name, names, 1, 0.6)
    if near:
        return f"did you mean {near[0]}?"
    if not names:
        return "it has none"
    return f"there are: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
