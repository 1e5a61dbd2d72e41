"""How long a battery lasts: the arithmetic, and what a Pico W draws. `docs/battery.md` gives the
source of every figure here; change both."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..core.errors import UsageError

_HOURS_S = 3600
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|m|h|d)")


class Phase(NamedTuple):
    """A part of each cycle: how long, and what the board draws meanwhile."""

    name: str
    seconds: float
    ma: float


#: What a Pico W does each time that it wakes, until it sleeps again.
AWAKE = (Phase("boot", 1.5, 21.0), Phase("joining", 4.0, 57.0), Phase("connected", 1.0, 57.0))
#: machine.deepsleep after the radio was used; with a timer that cuts the power, next to nothing.
ASLEEP_MA = 2.2
POWER_CUT_MA = 0.001


class Estimate(NamedTuple):
    """What comes of it. `phases` last one cycle in all."""

    phases: tuple[Phase, ...]
    mean_ma: float
    days: float


def duration_s(text: str) -> float:
    """Seconds in "8s", "15m", "1h30m", "250ms", "2d"; a bare number is seconds."""
    text = text.strip().lower().replace(" ", "")
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    raise UsageError(f"{text!r} is no duration: write it as 900, 8s, 15m, 1h30m or 1d")


def lasts_days(capacity_mah: float, mean_ma: float) -> float:
    """Mean current times hours is the capacity."""
    return capacity_mah / mean_ma / 24


def cycle(every_s: float, awake: tuple[Phase, ...], asleep_ma: float) -> tuple[Phase, ...]:
    """The phases of one cycle of `every_s`, the sleep last. `UsageError` where it would not fit."""
    awake_s = sum(phase.seconds for phase in awake)
    if every_s <= 0:
        raise UsageError("--every is the time from one waking to the next: more than 0")
    if awake_s > every_s:
        raise UsageError(
            f"awake for {awake_s:g} s of every {every_s:g} s: it would never sleep; --every must "
            "be longer than --awake"
        )
    return (*awake, Phase("asleep", every_s - awake_s, asleep_ma))


def estimate(capacity_mah: float, phases: tuple[Phase, ...]) -> Estimate:
    """What a battery of `capacity_mah` does with these phases, over and over."""
    if capacity_mah <= 0:
        raise UsageError("--capacity-mah is what stands on the battery, in mAh: more than 0")
    for phase in phases:
        if phase.ma < 0:
            raise UsageError(f"a current of {phase.ma:g} mA while {phase.name}: 0 or more")
    mean_ma = sum(phase.seconds * phase.ma for phase in phases) / sum(p.seconds for p in phases)
    if mean_ma == 0:
        raise UsageError("with 0 mA awake and asleep it lasts for ever: give currents that are so")
    return Estimate(phases, mean_ma, lasts_days(capacity_mah, mean_ma))


def charge_mah_per_day(phase: Phase, every_s: float) -> float:
    """What a phase of each cycle takes from the battery in a day."""
    return phase.ma * phase.seconds / every_s * 86400 / _HOURS_S
