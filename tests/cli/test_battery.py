"""`picolink battery`: its arithmetic, beside what was measured, and what it refuses."""

from __future__ import annotations

import json

import pytest

from picolink.cli.battery_life import AWAKE, duration_s, estimate, lasts_days
from picolink.cli.main import main


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The exit code, and what it said on both."""
    code = main(["battery", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_1100_mah_last_42_days_at_the_mean_current_that_was_measured() -> None:
    # Real boards, a reading every 15 minutes: 1.09 mA on average.
    assert round(lasts_days(1100, 1.09)) == 42


@pytest.mark.parametrize(
    # What is measured is the mean; however it is made up of awake and asleep, it is 42 days.
    ("awake", "awake_ma", "sleep_ma"),
    [("10s", 50, 0.5405), ("8s", 122.5, 0.001), ("900s", 1.09, 0), ("1m", 9, 0.5250)],
)
def test_every_15_minutes_with_that_mean_is_42_days(
    capsys: pytest.CaptureFixture[str], awake: str, awake_ma: float, sleep_ma: float
) -> None:
    given = ["--capacity-mah", "1100", "--every", "15m", "--awake", awake, "--json"]
    code, out, _ = asked(capsys, *given, "--awake-ma", str(awake_ma), "--sleep-ma", str(sleep_ma))
    told = json.loads(out)
    assert code == 0 and told["every_s"] == 900
    assert told["mean_ma"] == pytest.approx(1.09, abs=0.001)
    assert round(told["days"]) == 42
    assert sum(phase["seconds"] for phase in told["phases"]) == pytest.approx(900)


def test_the_table_is_used_where_nothing_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = asked(capsys, "--capacity-mah", "1100", "--every", "15m", "--json")
    told = json.loads(out)
    names = [phase["name"] for phase in told["phases"]]
    assert names == ["boot", "joining", "connected", "asleep"]
    charge = sum(phase.seconds * phase.ma for phase in AWAKE)
    charge += told["phases"][-1]["ma"] * (900 - told["awake_s"])
    assert told["mean_ma"] == pytest.approx(charge / 900, abs=1e-4)
    _, cut, _ = asked(capsys, "--capacity-mah", "1100", "--every", "15m", "--json", "--power-cut")
    assert json.loads(cut)["days"] > 3 * told["days"]


def test_longer_awake_at_the_same_mixture(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--capacity-mah", "1000", "--every", "10m", "--sleep-ma", "0", "--json"]
    days = [json.loads(asked(capsys, *given, "--awake", t)[1])["days"] for t in ("5s", "10s")]
    assert days[0] == pytest.approx(2 * days[1], rel=0.001)


def test_what_people_see(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = asked(
        capsys, "--capacity-mah", "1100", "--every", "15m", "--awake", "10s",
        "--awake-ma", "50", "--sleep-ma", "0.5405",
    )  # fmt: skip
    assert code == 0 and out.splitlines()[0] == "42 days (1.09 mA on average)"
    assert out.splitlines()[2].split() == ["awake", "10", "50", "13.3"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("900", 900), ("15m", 900), ("15 min", 900), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172800)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--every", "soon"], "'soon' is no duration"),
        (["--every", "15x"], "no duration"),
        (["--every", "m15"], "no duration"),
        (["--every=-5m"], "no duration"),
        (["--every", "nan"], "no duration"),
        (["--every", "0s"], "more than 0"),
        (["--every", "15m", "--awake", "0s"], "more than 0"),
        (["--every", "5s", "--awake", "8s"], "never sleep"),
        (["--every", "3s"], "never sleep"),
        (["--every", "15m", "--sleep-ma", "-1"], "0 or more"),
        (["--every", "15m", "--awake-ma", "nan"], "no number"),
        (["--every", "15m", "--awake-ma", "0", "--sleep-ma", "0"], "for ever"),
        (["--every", "15m", "--sleep-ma", "1", "--power-cut"], "give one"),
        (["--every", "15m", "--capacity-mah", "0"], "more than 0"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    given = [] if "--capacity-mah" in arguments else ["--capacity-mah", "1100"]
    code, out, err = asked(capsys, *given, *arguments)
    assert code == 2 and why in err and err.count("\n") == 1 and not out


def test_a_cycle_is_its_phases_weighted_by_their_time() -> None:
    found = estimate(240, tuple(p._replace(ma=10.0) for p in AWAKE))
    assert found.mean_ma == pytest.approx(10) and found.days == pytest.approx(1)
