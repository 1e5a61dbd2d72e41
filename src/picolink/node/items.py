"""What subscribers get: readings, made from the items that a stream or subscription brings."""

from collections import namedtuple

from ..core.packets import CLOCK

MYPY = False
if MYPY:
    from typing import Any, NamedTuple

    from ..core.session import Session
    from .calls import Items

    class Reading(NamedTuple):
        """A value with what is known of it."""

        value: Any  # None where the board could not measure; `time_quality` then says why
        unit: str
        time: float  # on a host seconds since 1970 (UTC), on a board milliseconds since its start
        time_quality: str  # "link": the sender's clock, mapped; "arrival": when it came
        seq: int  # counts what was published under the name
        missed: int  # readings before this one that this subscriber did not get

else:
    Reading = namedtuple("Reading", ("value", "unit", "time", "time_quality", "seq", "missed"))


def reading(
    session: "Session", item: "Any", timed: bool, seq: int, missed: int, now_ms: int, wall: float
) -> "Reading":
    """The reading in `item`. `wall` is the time of day at `now_ms`, seconds, or 0 where unknown."""
    at_ms = now_ms
    unit = ""
    quality = "arrival"
    if timed:
        at_ms = session.from_peer_clock(item[1] & CLOCK, now_ms)
        unit = item[2]
        quality = item[3] if len(item) > 3 else "link"
        item = item[0]
    time = wall + (at_ms - now_ms) / 1000 if wall else at_ms
    return Reading(item, unit, time, quality, seq, missed)


class Counter:
    """Tells from the numbers of the items how many were missed."""

    def __init__(self) -> None:
        self.next = -1

    def missed(self, seq: int) -> int:
        """How many items are missing before `seq`. The first one seen misses none."""
        missed = (seq - self.next) & CLOCK if self.next >= 0 else 0
        self.next = (seq + 1) & CLOCK
        return missed


def readings(
    session: "Session", items: "Items", counter: Counter, seq: int, values: "list[Any]",
    now_ms: int, wall: float,
) -> "list[Reading]":
    """The readings in one message of items."""
    timed = items.meta is not None and "unit" in items.meta
    result = []
    for value in values:
        missed = counter.missed(seq)
        result.append(reading(session, value, timed, seq, missed, now_ms, wall))
        seq = (seq + 1) & CLOCK
    return result
