"""The time of day on a node (`node.time`). Times are whole milliseconds since 1970, UTC.

A board wakes without it and is told by time servers or by a peer (timekeeping.py); a computer has
it. Until then things are stamped with the node's own milliseconds, and what was stamped so can be
told in UTC afterwards: `unix_ms(stamp)`.
"""

import sys
import time

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from .zone import Zone

#: Who told the time; who comes later knows it better.
QUALITIES = ("unknown", "rtc", "peer", "ntp", "system")
_BUILT_S = 1767225600  # 2026-01-01: a clock that says less was never set
BOARD = sys.implementation.name == "micropython"


def _call(function: "Callable[[], object]") -> object:
    return function()


class Clock:
    """`quality`: who told the time: "unknown", "rtc" (the board's own clock, set before it was last
    reset), "peer", "ntp" or "system". `why`: what went wrong when it was last asked for.
    `servers`: the time servers, as ("pool.ntp.org", "192.168.1.1:123"); None: the usual ones where
    the node has Wi-Fi, else none."""

    def __init__(self, now_ms: "Callable[[], int]", zone: str = "") -> None:
        self._now_ms = now_ms
        self._ahead_ms: int | None = None  # of the node's own milliseconds
        self._rule = ""
        self._zone: Zone | None = None  # the rule, read, once local time was wanted: it takes 2 kB
        self._waiting: list[Any] = []  # what is called when it is known
        self.call: Callable[[Any], Any] = _call  # how what waited is called: raises nothing
        self.quality = "unknown"
        self.why = ""
        self.servers: tuple[str, ...] | None = None
        if not BOARD:
            self.quality = "system"
        elif time.time() > _BUILT_S:  # boards count from 1970 too
            self._ahead_ms = int(time.time()) * 1000 - now_ms()
            self.quality = "rtc"
        if zone:
            self.zone = zone

    @property
    def known(self) -> bool:
        """Whether it is."""
        return self.quality != "unknown"

    @property
    def zone(self) -> str:
        """The rule of local time, as `CET-1CEST,M3.5.0,M10.5.0/3`; "" is UTC. `UsageError` for what
        is no rule."""
        return self._rule

    @zone.setter
    def zone(self, rule: str) -> None:
        if rule:
            from .zone import Zone

            Zone(rule)
        self._rule = rule
        self._zone = None

    def set(self, unix_ms: int, at_ms: "int | None" = None, quality: str = "peer") -> None:
        """It was `unix_ms` when the node's clock said `at_ms` (now, if left out). Sets a board's
        real-time clock too, which keeps it over a reset, though not over a power cut."""
        if not BOARD:
            return  # a computer's clock is its system's business
        now_ms = self._now_ms()
        self._ahead_ms = unix_ms - (now_ms if at_ms is None else at_ms)
        self.quality = quality
        from machine import RTC

        year, month, day, hour, minute, second, weekday = time.gmtime(
            (self._ahead_ms + now_ms + 500) // 1000
        )[:7]
        RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
        waiting, self._waiting = self._waiting, []
        for function in waiting:
            self.call(function)

    def when_known(self, function: "Callable[[], object]") -> None:
        """Calls `function`, or awaits it, once the time is known: at once where it is."""
        if self.known:
            self.call(function)
        else:
            self._waiting.append(function)

    def unix_ms(self, at_ms: "int | None" = None) -> "int | None":
        """Milliseconds since 1970 (UTC), now or when the node's clock said `at_ms`; None while it
        is not known. Also for what was before it was."""
        if not BOARD:
            ahead_ms = time.time_ns() // 1_000_000 - self._now_ms()
        elif self._ahead_ms is None:
            return None
        else:
            ahead_ms = self._ahead_ms
        return ahead_ms + (self._now_ms() if at_ms is None else at_ms)

    def utc(self, at_ms: "int | None" = None) -> "tuple[int, ...] | None":
        """(year, month, day, hour, minute, second), UTC; None while it is not known."""
        unix_ms = self.unix_ms(at_ms)
        return None if unix_ms is None else time.gmtime(unix_ms // 1000)[:6]

    def local(self, at_ms: "int | None" = None) -> "tuple[int, ...] | None":
        """The same in the zone's local time, summer time considered."""
        unix_ms = self.unix_ms(at_ms)
        if unix_ms is None:
            return None
        return time.gmtime(unix_ms // 1000 + self._east(unix_ms)[0])[:6]

    def text(self, at_ms: "int | None" = None) -> str:
        """Local time as `2026-11-21 17:44:31 CET`; "" while it is not known."""
        unix_ms = self.unix_ms(at_ms)
        if unix_ms is None:
            return ""
        east_s, name = self._east(unix_ms)
        return "%d-%02d-%02d %02d:%02d:%02d %s" % (
            time.gmtime(unix_ms // 1000 + east_s)[:6] + (name,)
        )

    def _east(self, unix_ms: int) -> "tuple[int, str]":
        if not self._rule:
            return 0, "UTC"
        if self._zone is None:
            from .zone import Zone

            self._zone = Zone(self._rule)
        return self._zone.at(unix_ms // 1000)
