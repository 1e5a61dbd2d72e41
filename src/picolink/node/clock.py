"""Milliseconds that only grow, on both interpreters. On a board `ticks_ms` wraps at 2^30."""

try:
    from time import ticks_diff, ticks_ms
except ImportError:
    from time import monotonic_ns

    def now_ms() -> int:
        """Milliseconds since some moment in the past; never goes back."""
        return monotonic_ns() // 1_000_000

else:
    _last = ticks_ms()
    _total = 0

    def now_ms() -> int:
        global _last, _total
        ticks = ticks_ms()
        _total += ticks_diff(ticks, _last)
        _last = ticks
        return _total
