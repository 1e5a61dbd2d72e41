"""Fixtures of the simulator's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from picosim import World


@pytest.fixture(autouse=True)
def own_announcements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards of a test are announced to that test alone."""
    monkeypatch.setenv("PICOSIM_DIR", str(tmp_path / "announced"))


@pytest.fixture
def world(picosim_world: World) -> Iterator[World]:
    yield picosim_world
