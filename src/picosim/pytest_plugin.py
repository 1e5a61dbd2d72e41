"""The pytest fixture `picosim_world`: a world of virtual boards for one test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from picosim.world import World


@pytest.fixture
def picosim_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world that ends with the test; when the test fails, what its boards printed is shown.

    The seed is that of `@pytest.mark.picosim_seed(n)`, or `PICOSIM_SEED`, or 1.
    """
    with world_of_test(request, "picosim_seed") as world:
        yield world


@contextlib.contextmanager
def world_of_test(request: pytest.FixtureRequest, marker: str) -> Iterator[World]:
    """The world of one test, whose seed the marker of that name may give."""
    from picosim.base.environment import setting
    from picosim.world import World

    mark = request.node.get_closest_marker(marker)
    seed = int(mark.args[0] if mark else setting("SEED") or 1)
    with World(seed=seed) as world:
        yield world
        for board in world.boards.values():
            if board.usb == "rp2":
                print(f"--- {board!r} printed:\n{board.log_text()}")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "picosim_seed(n): the seed of the test's picosim_world")
