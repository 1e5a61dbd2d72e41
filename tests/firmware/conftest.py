"""Boards that run the firmware files of `PICOLINK_FIRMWARE` (`make firmware FIRMWARE=...`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from picosim import FirmwareBoard, World
from picosim.rp2040 import firmware

HOW = (
    "needs MicroPython's file for {board}: download it from micropython.org/download/{board}, "
    "then make firmware FIRMWARE={board}.uf2"
)


def _given() -> list[firmware.Firmware]:
    names = os.environ.get("PICOLINK_FIRMWARE", "").split(os.pathsep)
    return [firmware.read(Path(name).resolve()) for name in names if name]


def pytest_configure() -> None:
    """Ends the run with one line where a file is none that can be run."""
    try:
        _given()
    except firmware.FirmwareUnknown as error:
        raise pytest.UsageError(f"PICOLINK_FIRMWARE: {error}") from None


def _of(wifi: bool) -> firmware.Firmware:
    for found in _given():
        if found.wifi == wifi:
            return found
    return pytest.skip(HOW.format(board="RPI_PICO_W" if wifi else "RPI_PICO"))


@pytest.fixture(scope="session")
def pico() -> firmware.Firmware:
    """The firmware of a Pico."""
    return _of(wifi=False)


@pytest.fixture(scope="session")
def pico_w() -> firmware.Firmware:
    """The firmware of a Pico W."""
    return _of(wifi=True)


@pytest.fixture(scope="session")
def any_pico() -> firmware.Firmware:
    """The firmware of a Pico if it is there, else a Pico W's: for what both can do."""
    try:
        return _of(wifi=False)
    except pytest.skip.Exception:
        return _of(wifi=True)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose boards only this test finds."""
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=1) as world:
        yield world
        for board in world.boards.values():
            print(f"--- {board!r} printed:\n{board.log_text()}")


@pytest.fixture
def run() -> Callable[..., str]:
    """Runs `python -m MODULE ARGUMENTS`; what it printed, errors too where it may fail."""

    def run(*arguments: str, timeout_s: float = 100, may_fail: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if may_fail:
            return done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def mpremote(run: Callable[..., str]) -> Callable[..., str]:
    """Runs `mpremote connect PORT ARGUMENTS` at a board."""

    def mpremote(board: FirmwareBoard, *arguments: str) -> str:
        return run("mpremote", "connect", board.usb_path, *arguments)

    return mpremote
