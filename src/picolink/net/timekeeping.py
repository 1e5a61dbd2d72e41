"""Keeps a board's clock right: asks time servers, or a peer that knows the time; again and again
until it is known, and then now and then, since its crystal is off by seconds a day."""

import asyncio

from ..core.errors import UsageError
from .clock import QUALITIES, Clock

MYPY = False
if MYPY:
    from collections.abc import Awaitable, Callable

SERVERS = ("0.pool.ntp.org", "1.pool.ntp.org", "2.pool.ntp.org")

# Milliseconds, in one table that tests can change.
TIMES = {
    "answer": 2000,  # for a server's
    "retry": 2000,  # the first wait before it is asked for again; doubles up to retry_max
    "retry_max": 60_000,  # RFC 4330, section 10, wants no less
    "again": 6 * 3600_000,  # when it is known
    "better": 600_000,  # when only a peer or the own clock has told it
}


async def keep(
    clock: Clock,
    now_ms: "Callable[[], int]",
    usual: "tuple[str, ...]",
    ask_peers: "Callable[[], Awaitable[list[tuple[int, int, str, str]]]]",
    changed: "asyncio.Event",
    rest: "Callable[[], object]" = int,
) -> None:
    """For ever. `ask_peers` gives (unix_ms, at_ms, quality, zone) of each that answers; `changed`:
    there is a peer more. `usual`: the servers, where the clock has none of its own. `rest` is
    called when nothing is asked for a while."""
    wait_ms = TIMES["retry"]
    while True:
        changed.clear()
        servers = usual if clock.servers is None else clock.servers
        try:
            why = ""
            if servers:
                from .servers import from_servers

                why = await from_servers(clock, now_ms, servers)
            clock.why = why
            if clock.why or not servers or not clock.zone:
                _take(clock, await ask_peers())
        except Exception as error:  # no memory, or a time that is none: it is asked for again
            clock.why = "%s: %s" % (type(error).__name__, error)
        rest()
        if clock.quality == "ntp" and not clock.why:
            await asyncio.sleep(TIMES["again"] / 1000)
            continue
        if QUALITIES.index(clock.quality) >= 2:
            pause_ms = TIMES["better"]
            wait_ms = TIMES["retry"]
        else:
            pause_ms = wait_ms
            wait_ms = min(2 * wait_ms, TIMES["retry_max"])
        try:
            await asyncio.wait_for(changed.wait(), pause_ms / 1000)
            await asyncio.sleep(0.05)  # until the new peer is done with being new
        except asyncio.TimeoutError:
            pass


def _take(clock: Clock, told: "list[tuple[int, int, str, str]]") -> None:
    """Takes the best of what peers told. Nobody's who was told it by a peer, once it is known: two
    boards would tell each other for ever."""
    for unix_ms, at_ms, quality, zone in told:
        if zone and not clock.zone:
            try:
                clock.zone = zone
            except UsageError as error:
                clock.why = str(error)
        known = QUALITIES.index(clock.quality)
        rank = QUALITIES.index(quality) if quality in QUALITIES else 0
        if rank >= 3 > known or (rank == 2 and known == 0):
            clock.set(unix_ms, at_ms, "peer")
