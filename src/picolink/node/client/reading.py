"""What subscribers get: readings, made from the items that a stream or subscription brings."""

from collections import namedtuple

from ...core.packets import CLOCK

MYPY = False
if MYPY:
    from typing import Any, NamedTuple

    from ...core.session import Session
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
    session: "Session", item: "Any", seq: int, missed: int, now_ms: int, wall: float
) -> "Reading":
    """The reading in `item`: [value, clock, unit, why there is no value]. `wall` is the time of
    day at `now_ms`, seconds, or 0 where unknown."""
    at_ms = session.from_peer_clock(item[1] & CLOCK, now_ms)
    time = wall + (at_ms - now_ms) / 1000 if wall else at_ms
    return Reading(item[0], item[2], time, item[3] if len(item) > 3 else "link", seq, missed)


class Counter:
    """Tells from the numbers of a subscription's items, counted from 0 (spec 6.11), how many were
    missed."""

    def __init__(self) -> None:
        self.next = 0

    def missed(self, seq: int, count: int) -> int:
        """How many items are missing before the `count` from `seq` on."""
        missed = (seq - self.next) & CLOCK
        self.next = (seq + count) & CLOCK
        return missed


def readings(
    session: "Session", items: "Items", counter: Counter, seq: int, values: "list[Any]",
    now_ms: int, wall: float,
) -> "list[Reading]":  # fmt: skip
    """The readings in one message of items."""
    missed = counter.missed(seq, len(values))
    if items.meta is not None and "unit" in items.meta:
        return [
            reading(session, value, seq + i & CLOCK, 0 if i else missed, now_ms, wall)
            for i, value in enumerate(values)
        ]
    time = wall or now_ms
    return [
        Reading(value, "", time, "arrival", seq + i & CLOCK, 0 if i else missed)
        for i, value in enumerate(values)
    ]
