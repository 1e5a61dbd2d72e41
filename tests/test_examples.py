"""Each example does on virtual boards what its README says."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import picolink
from picolink.packing import compile_all
from picosim import World

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
LIBS = ["usb", "tcp", "wifi", "describe", "stats", "log"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=1) as world:
        yield world


def python(*arguments: object) -> subprocess.Popen[str]:
    """A program of this environment, its output line by line."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"},
    )


def test_hello(world: World) -> None:
    board = world.board("greenhouse", main=EXAMPLES / "hello/main.py", libs=compile_all(LIBS))
    board.wait_ready()
    with python(EXAMPLES / "hello/host.py") as host:
        output, _ = host.communicate(timeout=20)
    assert host.returncode == 0, output
    lines = output.splitlines()
    assert lines[0] == "the lamp is on"
    assert len(lines) == 4 and all(re.fullmatch(r"2\d(\.\d)? °C", line) for line in lines[1:])
    board.pin("LED").wait(1)


@pytest.mark.parametrize("first", ["lamp", "button"])
def test_button_and_lamp_whichever_starts_first(world: World, first: str) -> None:
    folder = EXAMPLES / "button-lamp"
    libs = compile_all(LIBS)
    world.access_point("my network", "password")
    # The router counts from 20 on.
    settings = f"""
WIFI = ("my network", "password")
LAMP = "tcp:192.168.1.{20 if first == "lamp" else 21}"
"""
    files = {"settings.py": settings}
    lamp, button = (
        world.board(name, main=folder / f"{name}.py", libs=libs, files=files, start=False)
        for name in ("lamp", "button")
    )
    boards = [lamp, button] if first == "lamp" else [button, lamp]
    for board in boards:
        board.start()
        board.radio.wait_joined()
    with python(folder / "host.py", lamp.usb_path) as host:
        assert host.stdout is not None
        deadline = threading.Timer(30, host.kill)  # a readline that waits for ever ends with it
        deadline.start()
        try:
            assert host.stdout.readline() == "the lamp is off\n"
            with picolink.connect(button.usb_path, on_log=(said := queue.SimpleQueue()).put):
                for level in (1, 0, 1, 0):
                    button.pin(15).press(bounce_ms=5)
                    lamp.pin("LED").wait(level, timeout_s=10)
                    word = ("off", "on")[level]
                    assert host.stdout.readline() == f"somebody switched it {word}\n"
                    while said.get(timeout=5) != f"the lamp is {word}":
                        pass
                    button.pin(15).release()
                    # a finger is slower than the 20 ms that the board ignores after a change
                    threading.Event().wait(0.1)
            assert host.wait(10) == 0
        finally:
            deadline.cancel()
            host.kill()


def test_the_demo_does_all_that_it_says(tmp_path: Path) -> None:
    with python(EXAMPLES / "demo/demo.py", "--once") as demo:
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, output
    assert output.count("  ok   ") >= 15 and "NOT" not in output
    assert "All of it happened." in output


def test_the_demo_fails_where_it_should(tmp_path: Path) -> None:
    """Its exit code tells the truth: with a lamp that stays dark it is no success."""
    folder = tmp_path / "examples" / "demo"
    folder.mkdir(parents=True)
    for file in (EXAMPLES / "demo").glob("*.py"):
        text = file.read_text("utf-8")
        if file.name == "greenhouse.py":
            text = text.replace("led.value(state", "bool(state").replace("led.toggle()", "pass")
        (folder / file.name).write_text(text, "utf-8")
    with python(folder / "demo.py", "--once") as demo:
        output, _ = demo.communicate(timeout=90)
    assert demo.returncode == 1, output
    assert "NOT  it answered 'off'" in output
