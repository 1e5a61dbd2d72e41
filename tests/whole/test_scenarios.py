"""Whole nodes of all kinds, mixed, on a virtual clock, with an adversary and an oracle.

What each promise is, and what counts as broken, stands in oracle.py and aftermath.py.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from both import SOAK, Random
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whole import plan, runner
from whole.scenario import Scenario

CPYTHON_ONLY = "test_boards.py has the same for boards alone, on both interpreters"
COUNT = 20_000 if SOAK else 500
CHUNKS = 40 if SOAK else 10
BY_HYPOTHESIS = 500 if SOAK else 25


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


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_promise_holds_whatever_happens(
    chunk: int, capfd: pytest.CaptureFixture[str]
) -> None:
    size = COUNT // CHUNKS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # coroutines of programs that were killed
        runner.check([runner.seed_of(chunk * size + i) for i in range(size)])
    assert capfd.readouterr() == ("", "")


@settings(
    max_examples=BY_HYPOTHESIS, deadline=None, print_blob=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.data())
def test_no_plan_that_hypothesis_makes_breaks_a_promise(data: st.DataObject) -> None:
    assert runner.run_plan(plan.make(Draw(data), runner.KITS)) == []


def test_a_seed_is_one_history() -> None:
    for number in range(5):
        made = plan.make(Random(runner.seed_of(number)))
        traces: list[list[Any]] = [[], []]
        for trace in traces:
            Scenario(made, trace).run()
        assert traces[0] == traces[1]


def test_a_scenario_has_enough_in_it() -> None:
    for number in range(50):
        made = plan.make(Random(runner.seed_of(number)))
        whats = [action["what"] for action in made["actions"]]
        assert len(made["nodes"]) >= 2 and len(made["wires"]) >= 2
        assert whats.count("call") >= 20 and len(made["faults"]) >= 5
        assert "stream" in whats and "subscribe" in whats
        assert made["lasts_ms"] >= 60_000
