"""What may have been meant by a name that is not there (CPython only)."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """The one of `known` that was likely meant, or ""."""
    return (get_close_matches(name, sorted(known), 1, 0.6) or [""])[0]


def suggestion(name: str, known: Iterable[str]) -> str:
    """ "Did you mean ...?", or what there is, as the end of a sentence."""
    near = nearest(name, known)
    if near:
        return f"did you mean {near}?"
    names = sorted(known)
    if not names:
        return "it has none"
    return f"there are: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
