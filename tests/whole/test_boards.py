"""Whole boards on a virtual clock; the second time in the real MicroPython, with its own asyncio."""

from both import SEED, cases
from whole import plan
from whole.scenario import Scenario
from both import Random

HEAP_KB = 8000


@cases([(seed,) for seed in range(3)])
def test_what_nodes_say_of_their_calls_is_true(seed):
    made = plan.make(Random(SEED * 1_000_000 + seed), ("board",))
    assert Scenario(made).run() == []
