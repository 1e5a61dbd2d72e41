"""Milliseconds that only grow, for both interpreters (a board's `ticks_ms` wraps)."""

import time

if hasattr(time, "ticks_ms"):
    now_ms = time.ticks_ms
    diff_ms = time.ticks_diff  # type: ignore[attr-defined]
else:

    def now_ms() -> int:
        """Milliseconds since some moment in the past."""
        return time.monotonic_ns() // 1_000_000

    def diff_ms(later: int, earlier: int) -> int:
        """Milliseconds from `earlier` to `later`."""
        return later - earlier
