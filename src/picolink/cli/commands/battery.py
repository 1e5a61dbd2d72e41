"""For how many days a battery lasts. Needs no board.

For a board that wakes, reads, delivers and sleeps; docs/battery.md says where figures
come from that are not given. Durations: 8s, 15m, 1h30m, 1d.

    picolink battery --capacity-mah 1100 --every 15m
    picolink battery --capacity-mah 1100 --every 1h --awake 8s --power-cut
"""

from __future__ import annotations

import argparse
import math

from ...core.errors import UsageError
from ..battery_life import (
    ASLEEP_MA,
    AWAKE,
    POWER_CUT_MA,
    Estimate,
    Phase,
    charge_mah_per_day,
    cycle,
    duration_s,
    estimate,
)
from ..command_line.arguments import json_option
from ..output import print_json, table


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--capacity-mah", type=float, required=True, metavar="MAH", help="of the battery, in mAh"
    )
    parser.add_argument("--every", required=True, metavar="TIME", help="from waking to waking")
    parser.add_argument("--awake", metavar="TIME", help="how long it is awake each time")
    parser.add_argument("--awake-ma", type=float, metavar="MA", help="what it draws then, in mA")
    parser.add_argument("--sleep-ma", type=float, metavar="MA", help="what it draws asleep, in mA")
    parser.add_argument(
        "--power-cut", action="store_true", help="a timer cuts its power instead of deepsleep"
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the estimate."""
    every_s = duration_s(options.every)
    asleep_ma = options.sleep_ma
    if asleep_ma is None:
        asleep_ma = POWER_CUT_MA if options.power_cut else ASLEEP_MA
    elif options.power_cut:
        raise UsageError("--power-cut and --sleep-ma both say what it draws asleep: give one")
    for value in (options.capacity_mah, asleep_ma, options.awake_ma or 0):
        if not math.isfinite(value):
            raise UsageError("a capacity or current that is no number of mAh or mA")
    phases = cycle(every_s, _awake(options.awake, options.awake_ma), asleep_ma)
    found = estimate(options.capacity_mah, phases)
    if options.json:
        print_json(
            {
                "capacity_mah": options.capacity_mah,
                "every_s": every_s,
                "awake_s": round(every_s - phases[-1].seconds, 3),
                "mean_ma": round(found.mean_ma, 4),
                "days": round(found.days, 2),
                "phases": [phase._asdict() for phase in phases],
            }
        )
    else:
        print(_shown(found, every_s))
    return 0


def _awake(awake: str | None, awake_ma: float | None) -> tuple[Phase, ...]:
    """The phases before it sleeps: those of the table, or what was measured."""
    known_s = sum(phase.seconds for phase in AWAKE)
    if awake is None and awake_ma is None:
        return AWAKE
    awake_s = known_s if awake is None else duration_s(awake)
    if awake_s <= 0:
        raise UsageError("--awake is how long it is awake each time: more than 0")
    if awake_ma is None:  # the same mixture, for another time
        awake_ma = sum(phase.seconds * phase.ma for phase in AWAKE) / known_s
    return (Phase("awake", awake_s, awake_ma),)


def _shown(found: Estimate, every_s: float) -> str:
    rows = [("", "s", "mA", "mAh a day")]
    for phase in found.phases:
        taken = charge_mah_per_day(phase, every_s)
        rows.append((phase.name, f"{phase.seconds:g}", f"{phase.ma:.4g}", f"{taken:.3g}"))
    days = f"{found.days:.0f}" if found.days >= 10 else f"{found.days:.2g}"
    return f"{days} days ({found.mean_ma:.3g} mA on average)\n" + table(rows, "  ")
