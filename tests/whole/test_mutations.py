"""The oracle is itself put to the test: what was wrong once, and is put back, it finds."""

from __future__ import annotations

import warnings

import pytest
from whole import runner
from whole.mutations import MUTATIONS, put_back

CPYTHON_ONLY = "the oracle is the same on both interpreters"
MOST = 500  # scenarios in which a fault is to be found


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_oracle_finds(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with put_back(name):
            for number in range(MOST):
                found = runner.run_seed(runner.seed_of(number))
                if found:
                    print(f"found in scenario {number + 1}: {found[0]}")
                    return
    raise AssertionError(f"{MOST} scenarios did not show it")
