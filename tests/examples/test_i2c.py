"""The examples on I2C: plain scripts with smbus2 and smbus, and picolink, on virtual boards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from picolink.packing import compile_all
from picosim import VirtualBoard, World

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "i2c"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=1) as world:
        yield world


def lamp(world: World, program: str) -> VirtualBoard:
    board = world.board("lamp", main=EXAMPLES / program, libs=compile_all(["usb", "i2c"]))
    world.i2c_host(1, board.i2c(0, 0, 1))
    board.wait_printed("listening on usb:")
    assert "listening on i2c-" in board.log_text()
    return board


def script(name: str) -> str:
    """What a host's script prints, with its I2C bus a virtual one."""
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-m", "picosim.i2c", str(EXAMPLES / name)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["plain.py", "bare.py"])
def test_plain_scripts_know_nothing_of_picolink(name: str) -> None:
    imports = re.findall(r"^(?:import|from) (\w+)", (EXAMPLES / name).read_text("utf-8"), re.M)
    assert imports in (["smbus2"], ["smbus"])


def test_a_register_and_picolink_on_one_target(world: World) -> None:
    board = lamp(world, "main.py")
    assert script("plain.py") == "1\n"
    board.pin("LED").wait(1)
    assert script("host.py") == "on\n"


def test_bare_bytes(world: World) -> None:
    board = lamp(world, "bare_main.py")
    assert script("bare.py") == "1\n"
    board.pin("LED").wait(1)
