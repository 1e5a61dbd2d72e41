"""Of the scenarios themselves: a seed is one history, and Hypothesis can make one small."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from both import SOAK, Random
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whole import plan, runner
from whole.scenario import Scenario

CPYTHON_ONLY = "Hypothesis, and other processes"
HERE = Path(__file__).parent
SRC = HERE.parent.parent / "src"
BY_HYPOTHESIS = 500 if SOAK else 25
#: Of programs that were killed in the middle of something.
pytestmark = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


class Draw:
    """What draws a plan, from Hypothesis's choices: it can make a failing one small."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def below(self, n: int) -> int:
        return self.data.draw(_integers(n))


_strategies: dict[int, Any] = {}


def _integers(n: int) -> Any:
    if n not in _strategies:
        _strategies[n] = st.integers(0, n - 1)
    return _strategies[n]


@settings(
    max_examples=BY_HYPOTHESIS, deadline=None, print_blob=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.data())
def test_no_plan_that_hypothesis_makes_breaks_a_promise(data: st.DataObject) -> None:
    assert runner.run_plan(plan.make(Draw(data), runner.KITS)) == []


def history(number: int) -> str:
    """All that happens in a scenario, in short."""
    trace: list[Any] = []
    Scenario(plan.make(Random(runner.seed_of(number))), trace).run()
    return sha256(repr(trace).encode()).hexdigest()


def test_a_seed_is_one_history_whatever_ran_before() -> None:
    first = [history(number) for number in range(8)]
    assert [history(number) for number in reversed(range(8))] == first[::-1]


def test_a_seed_is_one_history_in_every_process() -> None:
    code = "import sys; sys.path[:0] = sys.argv[1:]; import test_histories as t; "
    code += "print([t.history(number) for number in range(4)])"
    told = set()
    for hashes in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *map(str, (HERE, HERE.parent, SRC))],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        told.add(done.stdout)
    assert told == {f"{[history(number) for number in range(4)]}\n"}


def test_a_scenario_has_enough_in_it() -> None:
    for number in range(50):
        made = plan.make(Random(runner.seed_of(number)))
        whats = [action["what"] for action in made["actions"]]
        assert len(made["nodes"]) >= 2 and len(made["wires"]) >= 2
        assert whats.count("call") >= 20 and len(made["faults"]) >= 5
        assert "stream" in whats and "subscribe" in whats
        assert made["lasts_ms"] >= 60_000
