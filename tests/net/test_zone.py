"""Local time by POSIX rules, on both interpreters; against the zone data of this computer."""

from both import cases, raises, skip_on_micropython

from picolink.core.errors import UsageError
from picolink.net.zone import Zone, days

H = 3600


def utc(year, month, day, hour=0, minute=0, second=0):
    return days(year, month, day) * 86400 + hour * H + minute * 60 + second


def test_days_of_the_calendar():
    assert days(1970, 1, 1) == 0
    assert days(2000, 3, 1) - days(2000, 2, 28) == 2
    assert days(2100, 3, 1) - days(2100, 2, 28) == 1
    assert days(2026, 11, 21) == 20778


@cases(
    [
        # Rule, a moment, seconds east, what it is called. From both sides of each change.
        ("CET-1CEST,M3.5.0,M10.5.0/3", utc(2026, 3, 29, 0, 59, 59), H, "CET"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", utc(2026, 3, 29, 1), 2 * H, "CEST"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", utc(2026, 10, 25, 0, 59, 59), 2 * H, "CEST"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", utc(2026, 10, 25, 1), H, "CET"),
        ("EST5EDT,M3.2.0,M11.1.0", utc(2026, 3, 8, 7), -4 * H, "EDT"),
        ("EST5EDT,M3.2.0,M11.1.0", utc(2026, 11, 1, 6), -5 * H, "EST"),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", utc(2026, 1, 1), 11 * H, "AEDT"),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", utc(2026, 7, 1), 10 * H, "AEST"),
        ("NST3:30NDT,M3.2.0,M11.1.0", utc(2026, 1, 1), -3 * H - 1800, "NST"),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", utc(2026, 12, 31), 11 * H, "+11"),
        ("IST-2IDT,M3.4.4/26,M10.5.0", utc(2026, 3, 27, 0), 3 * H, "IDT"),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", utc(2026, 3, 29, 1), -H, "-01"),
        ("XYZ0ABC,J60/0,J300/0", utc(2028, 3, 1), H, "ABC"),  # a leap year
        ("XYZ0ABC,J60/0,J300/0", utc(2028, 2, 29, 23), 0, "XYZ"),
        ("XYZ0ABC,59/0,300/0", utc(2028, 2, 29), H, "ABC"),
        ("UTC0", utc(2026, 7, 1), 0, "UTC"),
        ("<+0545>-5:45", utc(2026, 7, 1), 5 * H + 45 * 60, "+0545"),
    ]
)
def test_a_rule(rule, unix_s, east_s, name):
    assert Zone(rule).at(unix_s) == (east_s, name)


@cases(
    [
        ("",), ("CET",), ("Europe/Berlin",), ("CET-1CEST",), ("CET-1CEST,M3.5.0",),
        ("CET-1CEST,M13.5.0,M10.5.0",), ("CET-1CEST,M3.6.0,M10.5.0",), ("CET-1CEST,M3.5.7,M1.1.1",),
        ("CET-1CEST,M3.5,M10.5.0",), ("CET-1CEST,J0,J300",), ("CET-1CEST,M3.5.0,M10.5.0,x",),
        ("C1",), ("CET-1:99",), ("CET-",), ("<CET-1",), ("CET-1CEST,M3.5.0/,M10.5.0",),
    ]
)  # fmt: skip
def test_what_is_no_rule_is_named(rule):
    with raises(UsageError, "no rule of local time"):
        Zone(rule)


@skip_on_micropython("needs this computer's zone data")
def test_all_zones_of_this_computer():
    """Rules hold from the end of a zone's table on; four zones have tables beyond 2026."""
    import datetime
    import random
    import zoneinfo

    from picolink.net.places import rule

    tables = {"Africa/Casablanca", "Africa/El_Aaiun", "Asia/Gaza", "Asia/Hebron"}
    chance = random.Random(7)
    compared = 0
    for place in sorted(zoneinfo.available_timezones() - tables):
        try:
            zone = Zone(rule(place))
        except LookupError:
            continue
        there = zoneinfo.ZoneInfo(place)
        for _ in range(40):
            unix_s = chance.randrange(1_798_761_600, 4_000_000_000)  # from 2027 to 2096
            then = datetime.datetime.fromtimestamp(unix_s, there)
            offset = then.utcoffset()
            assert offset is not None
            assert zone.at(unix_s) == (offset.total_seconds(), then.tzname()), (place, unix_s)
        compared += 1
    assert compared > 300


@skip_on_micropython("needs this computer's zone data")
def test_places_of_this_computer(monkeypatch):
    import pytest

    from picolink.net import places

    assert places.rule("Europe/Berlin") == "CET-1CEST,M3.5.0,M10.5.0/3"
    monkeypatch.setenv("TZ", "America/New_York")
    assert places.rule() == "EST5EDT,M3.2.0,M11.1.0"
    for wrong in ("Berlin", "../../etc/passwd"):
        with pytest.raises(LookupError, match="no zone"):
            places.rule(wrong)
