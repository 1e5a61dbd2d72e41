"""A run that is cut anywhere leaves a board that starts, and the next run completes it.

Each module of the stand-in for picolink bears the version that it is of, and the user's program
tells whether all that it loaded are of one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from install.files import tree

from picolink.install import installer, uninstaller
from picolink.install.plan import LIB, MANIFEST
from picolink.install.repl import Repl
from picolink.packing import compile_source
from picosim import VirtualBoard, World

SOAK = os.environ.get("PICOLINK_SOAK") not in (None, "", "0")
SEED = int(os.environ.get("PICOLINK_SEED") or 1)
USERS = ("/main.py", "/picolink.json", "/picolink-help.json")
NODE = """
from picolink import Node
node = Node()
@node.command
def hello():
    return "hello"
node.run()
"""
MODULES = ("__init__", "core/errors", "core/large", "links/usb/board")
MAIN = """\
import sys
try:
    import picolink
    from picolink.core import errors, large
    from picolink.links.usb import board
    found = {m.VERSION for m in (picolink, errors, large, board)}
    print("STARTED", "mixed" if len(found) > 1 else found.pop())
except ImportError as error:
    print("STARTED", "none" if "picolink" == str(error).split("'")[1] else error)
"""


def library(version: str) -> dict[str, bytes]:
    """A small picolink; some of its files are the same in all versions but for `VERSION`."""
    files = {}
    for name in MODULES:
        text = f"VERSION = {version!r}\n"
        if name == "__init__":
            text += "class Node: pass\n"
        if name == "core/large":  # sent in several pieces
            text += f"TEXT = {version * 4000!r}\n"
        files[f"picolink/{name}.mpy"] = compile_source(text, f"{name}.py")
    if version == "b":
        files["picolink/only_in_b.mpy"] = compile_source("x = 1\n", "only_in_b.py")
    files["picolink/same.mpy"] = compile_source("x = 2\n", "same.py")
    return files


class Cut(BaseException):
    """The installer is gone: nothing of it runs any more."""


class Installing:
    """Runs the installer in this process, and cuts it at a step on the board."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, board: VirtualBoard, power: bool) -> None:
        self.board, self.version = board, "a"
        self.steps, self.cut_at = 0, 0
        run = Repl.run

        def counted(repl: Repl, source: str) -> str:
            self.steps += 1
            if self.steps == self.cut_at:
                if power:  # in the middle of the step, or after it
                    repl._transport.exec_raw_no_follow(source)
                    board.power_off()
                repl.close()
                raise Cut
            return run(repl, source)

        monkeypatch.setattr(Repl, "run", counted)
        monkeypatch.setattr(Repl, "restart", Repl.close)
        monkeypatch.setattr(installer, "compile_all", lambda *_, **__: library(self.version))

    def to(self, version: str, cut_at: int = 0) -> bool:
        """Installs a version; False where it was cut before it was done."""
        self.version, self.cut_at, self.steps = version, cut_at, 0
        wishes = installer.Wishes(start=False, name=f"board-{version}")
        report = installer.Report(lambda text: None, lambda *what: None)
        try:
            self.done = installer.install("usb:auto", wishes, report)
        except Cut:
            return False
        return True

    def starts_with(self) -> str:
        """Power off and on: what the user's program finds."""
        self.board.power_off()
        self.board.power_on()
        self.board.wait_state("repl")
        said = self.board.log_text().rpartition("STARTED ")
        assert "raw REPL" not in said[2], "main.py did not run"
        return said[2].split("\r\n")[0].strip()

    def names(self) -> set[str]:
        """Files below /lib, and what else of ours should not be there."""
        found = [path for path in tree(self.board) if path not in USERS]
        return {path.removeprefix(LIB + "/") for path in found}


def uninstalled(installing: Installing) -> None:
    installing.cut_at = 0
    uninstaller.uninstall("usb:auto", installer.Report(lambda text: None, lambda *what: None))


@pytest.mark.parametrize("power", [False, True], ids=["installer killed", "power cut"])
@pytest.mark.parametrize("onto", ["a board without", "an older one"])
def test_cut_at_every_step(
    world: World, monkeypatch: pytest.MonkeyPatch, onto: str, power: bool
) -> None:
    board = world.board("fresh", main=MAIN)
    board.wait_ready()
    installing = Installing(monkeypatch, board, power)
    assert installing.starts_with() == "none"
    there, goal = "none", "a"
    if onto == "an older one":
        assert installing.to("a")
        there, goal = "a", "b"

    def back() -> None:
        if onto == "an older one":
            assert installing.to(there)
        else:
            uninstalled(installing)

    for _ in range(2):  # the second time counts: by then all files of the user's are there
        assert installing.to(goal)
        steps = installing.steps
        back()
    # all four ways take two minutes: without PICOLINK_SOAK one of them is cut everywhere
    everywhere = SOAK or (onto == "an older one" and not power)
    cuts = (
        range(1, steps + 1) if everywhere else (*range(4, steps - 4, 5), *range(steps - 4, steps))
    )
    seen = set()
    for number, cut_at in enumerate(cuts):
        assert not installing.to(goal, cut_at), "it was not cut"
        found = installing.starts_with()
        assert found in (there, goal), f"cut at step {cut_at} of {there} to {goal}"
        seen.add(found == goal)
        assert installing.to(goal)
        assert installing.starts_with() == goal
        if number % 4 == 0 or SOAK:
            wanted = {name.removeprefix("picolink/") for name in library(goal)}
            assert installing.names() == wanted | {MANIFEST}
            assert installing.to(goal) and not installing.done["copied"]
        back()
    assert steps > 20 and seen == {True, False}, "there was little to cut"


def test_killed_at_any_time(
    world: World, start: Callable[..., subprocess.Popen[str]], picolink: Callable[..., Any]
) -> None:
    """The real command, SIGKILL at moments that a seed draws, then Ctrl-C."""
    board = world.board("fresh", main=MAIN.replace("VERSION", "__name__") + NODE)
    board.wait_ready()
    draw = random.Random(SEED)
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGINT):
        with start("install", "usb:auto", "--force") as process:
            assert process.stderr is not None and process.stdout is not None
            for line in process.stderr:
                if "copied" in line:
                    break
            try:
                process.wait(draw.uniform(0.01, 0.5))
            except subprocess.TimeoutExpired:
                process.send_signal(number)
            rest, out = process.stderr.read(), process.stdout.read()
            process.wait(10)
        if number == signal.SIGINT:  # which may come when all is done, and the process ends
            assert "run again, goes on" in rest or "installed. " in out
            assert "Traceback" not in rest
        board.power_off()
        board.power_on()
        board.wait_ready()
        assert "STARTED" in board.log_text()
    code, out, err = picolink("install", "usb:auto", "--name", "shed")
    assert code == 0, err
    assert picolink("call", "usb:auto", "hello") == (0, "hello\n", "")
