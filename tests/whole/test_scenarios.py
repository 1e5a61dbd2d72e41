"""Whole nodes of all kinds, mixed, on a virtual clock, with an adversary and an oracle.

What each promise is, and what counts as broken, stands in oracle.py and aftermath.py.
"""

from __future__ import annotations

import warnings

import pytest
from both import SOAK
from whole import runner

CPYTHON_ONLY = "test_boards.py has the same for boards alone, on both interpreters"
COUNT = 20_000 if SOAK else 500
CHUNKS = 40 if SOAK else 10


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_promise_holds_whatever_happens(
    chunk: int, capfd: pytest.CaptureFixture[str]
) -> None:
    size = COUNT // CHUNKS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # coroutines of programs that were killed
        runner.check([runner.seed_of(chunk * size + i) for i in range(size)])
    assert capfd.readouterr() == ("", "")
