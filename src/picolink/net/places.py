"""The rule of local time of a place, as this computer's zone data have it. Host only.

A zone file (RFC 9636) ends in the rule by which it goes on after its table: that is all a board
needs of it.
"""

from __future__ import annotations

import os
import zoneinfo
from importlib import resources
from pathlib import Path

_LOCAL = Path("/etc/localtime")


def rule(place: str = "") -> str:
    """The rule for a place ("Europe/Berlin"), or for where this computer is.

    Raises `LookupError` where neither the system nor PyPI's `tzdata` knows it.
    """
    data = _zone_file(place or os.environ.get("TZ", "").lstrip(":"))
    _, _, last = data.rstrip(b"\n").rpartition(b"\n")
    if data[:4] != b"TZif" or not last:
        raise LookupError(f"the zone data of {place or 'this computer'} have no rule")
    return last.decode("ascii")


def own_zone() -> str:
    """The rule of where this computer is; "" where it does not say."""
    try:
        return rule()
    except LookupError:
        return ""


def _zone_file(place: str) -> bytes:
    if not place:
        try:
            return _LOCAL.read_bytes()
        except OSError:
            raise LookupError(
                "this computer does not say where it is: name a place, as Europe/Berlin"
            ) from None
    if place not in zoneinfo.available_timezones():
        raise LookupError(f"no zone {place!r} is known here: one is Europe/Berlin")
    for folder in zoneinfo.TZPATH:
        path = Path(folder, place)
        if path.is_file():
            return path.read_bytes()
    package, _, name = f"tzdata.zoneinfo.{place.replace('/', '.')}".rpartition(".")
    return resources.files(package).joinpath(name).read_bytes()
