"""Virtual boards for the tests of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from picolink.packing import compile_all
from picosim import VirtualBoard, World

PROGRAM = Path(__file__).parent / "board_program.py"


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PICOLINK_SIM_DIR", str(tmp_path_factory.mktemp("announced")))
        with World(seed=1) as world:
            yield world


@pytest.fixture(scope="module")
def board(world: World) -> VirtualBoard:
    """A board named `shed` whose node serves USB and TCP."""
    board = world.board(
        "shed", main=PROGRAM, libs=compile_all(["usb", "tcp", "describe", "stats", "log", "bench"])
    )
    board.wait_ready()
    return board


@pytest.fixture(scope="module")
def start(world: World) -> Callable[..., subprocess.Popen[str]]:
    """Starts `picolink ARGUMENTS` as a process of its own."""

    def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        for name in ("COLUMNS", "LINES"):  # they would win over a window
            environment.pop(name, None)
        return subprocess.Popen(
            [sys.executable, "-m", "picolink.cli", *arguments],
            env=environment, text=True, start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )  # fmt: skip

    return start


@pytest.fixture(scope="module")
def picolink(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., Done]:
    """Runs `picolink ARGUMENTS` to its end."""

    def run(*arguments: str, timeout_s: float = 20) -> Done:
        with start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except BaseException:
                process.kill()
                raise
        return Done(process.returncode, out, err)

    return run
