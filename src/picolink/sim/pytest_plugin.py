"""The pytest fixture `picolink_world`: a world of virtual boards for one test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from picolink.sim.world import World


@pytest.fixture
def picolink_world(
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    """A world that ends with the test; when the test fails, what its boards printed is shown.

    The seed is that of `@pytest.mark.picolink_seed(n)`, or `PICOLINK_SEED`, or 1.
    """
    import os

    from picolink.sim.world import World

    mark = request.node.get_closest_marker("picolink_seed")
    seed = int(mark.args[0] if mark else os.environ.get("PICOLINK_SEED", "1"))
    with World(seed=seed) as world:
        yield world
        for board in world.boards.values():
            if board.usb == "rp2":
                print(f"--- {board!r} printed:\n{board.log_text()}")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "picolink_seed(n): the seed of the test's picolink_world")
