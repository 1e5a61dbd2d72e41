"""Milliseconds that only grow, on both interpreters. On a board `ticks_ms` wraps at 2^30."""

import time

if hasattr(time, "ticks_ms"):
    _ticks_ms = time.ticks_ms
    _ticks_diff = time.ticks_diff  # type: ignore[attr-defined]
    _last = _ticks_ms()
    _total = 0

    def now_ms() -> int:
        """Milliseconds since some moment in the past; never goes back."""
        global _last, _total
        ticks: int = _ticks_ms()
        _total += _ticks_diff(ticks, _last)
        _last = ticks
        return _total  # type: ignore[no-any-return]

else:

    def now_ms() -> int:
        return time.monotonic_ns() // 1_000_000
