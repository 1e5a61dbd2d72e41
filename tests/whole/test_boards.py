"""Whole boards on a virtual clock, the second time in the real MicroPython with its asyncio."""

from both import SEED, Random, cases
from whole import plan
from whole.scenario import Scenario

HEAP_KB = 8000


@cases([(seed,) for seed in range(count(200))])
def test_what_nodes_say_of_their_calls_is_true(seed):
    made = plan.make(Random(SEED * 1_000_000 + seed), ("board",))
    assert Scenario(made).run() == []
