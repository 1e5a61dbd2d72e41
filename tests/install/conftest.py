"""Virtual boards without a library, and `picolink` at them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from picolink.cli.main import main
from picosim import World


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=1) as world:
        yield world


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts `picolink ARGUMENTS` as a process of its own, with no terminal."""

    def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
        return subprocess.Popen(
            [sys.executable, "-m", "picolink.cli", *arguments],
            env=environment, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


@pytest.fixture
def picolink(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Runs `picolink ARGUMENTS` in this process."""

    def run(*arguments: str, **variables: str) -> Done:
        before = signal.getsignal(signal.SIGTERM)
        capfd.readouterr()
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            try:
                code = main(arguments)
            except SystemExit as error:  # of argparse
                code = int(str(error.code))
            finally:
                signal.signal(signal.SIGTERM, before)
        return Done(code, *capfd.readouterr())

    return run
