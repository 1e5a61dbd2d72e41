"""`sys.time`: a node's clocks, and how its real-time clock is set by a peer that knows better."""

MYPY = False
if MYPY:
    from typing import Any

    from ..node.talk import Talk


def serve(talk: "Talk", ref: int, set_to: "list[int] | None" = None) -> "dict[str, Any]":
    """The node's milliseconds since start, and its date and time (UTC) as [year, month, day, hour,
    minute, second]. `set_to`, of the same form, sets a board's real-time clock first."""
    import time

    if set_to is not None:
        from machine import RTC

        year, month, day, hour, minute, second = set_to
        RTC().datetime((year, month, day, 0, hour, minute, second, 0))
    return {"uptime_ms": talk.node.now_ms(), "utc": list(time.gmtime()[:6])}
