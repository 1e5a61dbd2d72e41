"""`sys.time`: a node's clocks, and how its time of day is set by a peer that knows better."""

from ...core.errors import BadArguments
from ..args import check_int

MYPY = False
if MYPY:
    from typing import Any

    from ..talk import Talk


_LATEST_MS = 4102444800000  # 2100-01-01
_LONGEST = 64  # characters of a rule


def serve(
    talk: "Talk", ref: int, set_to: "int | None" = None, zone: "str | None" = None
) -> "dict[str, Any]":
    """The node's milliseconds since start; its time of day in milliseconds since 1970 (UTC; None
    while it does not know it) and who told it (see `Clock.quality`); the rule of its local time.
    `set_to`, milliseconds since 1970, and `zone` set a board's first."""
    node = talk.node
    clock = node.time
    if set_to is not None:
        check_int("set_to", set_to, 0, _LATEST_MS)
    if zone is not None:
        if not isinstance(zone, str) or len(zone) > _LONGEST:
            raise BadArguments("zone=%r: a rule as CET-1CEST,M3.5.0,M10.5.0/3" % (zone,))
        clock.zone = zone
    if set_to is not None:
        clock.set(set_to)
    return {
        "uptime_ms": node.now_ms() - node.started_ms,
        "unix_ms": clock.unix_ms(),
        "quality": clock.quality,
        "zone": clock.zone,
        "text": clock.text(),
        "why": clock.why,
    }
