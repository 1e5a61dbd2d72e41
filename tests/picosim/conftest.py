"""Fixtures of the simulator's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from picosim import World
from picosim.pytest_plugin import picolink_world  # noqa: F401


@pytest.fixture(autouse=True)
def own_announcements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards of a test are announced to that test alone."""
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))


@pytest.fixture
def world(picolink_world: World) -> Iterator[World]:  # noqa: F811
    yield picolink_world
