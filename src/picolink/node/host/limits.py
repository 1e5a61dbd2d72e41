"""For how many readings, and for how long, a program may ask (CPython only)."""

from __future__ import annotations

from typing import Any

from ...core.errors import UsageError


def check_limits(count: Any, seconds: Any) -> float | None:
    """Refuses what is no number of readings, or no time to take them for; returns `seconds`, None
    for ever."""
    if count is not None and not (isinstance(count, int) and count >= 0):
        raise UsageError(f"count={count!r}: how many readings, or None")
    if seconds is not None and (not isinstance(seconds, (int, float)) or not seconds >= 0):
        raise UsageError(f"seconds={seconds!r}: for how long, or None")
    return seconds if seconds is not None and seconds < 1e9 else None
