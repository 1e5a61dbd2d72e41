"""The pytest fixture `picolink_world`: a world of virtual boards for one test. Host only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def picolink_world(request: pytest.FixtureRequest) -> Iterator[Any]:
    """picosim's `picosim_world`, whose seed is that of `@pytest.mark.picolink_seed(n)`, or
    `PICOLINK_SEED`, or 1."""
    from picolink.links.host.virtual import needed

    with needed().world_of_test(request, "picolink_seed") as world:
        yield world


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "picolink_seed(n): the seed of the test's picolink_world")
