"""The real Thonny works with a virtual board, and leaves a node that can be called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import picolink
from picolink.packing import compile_all
from picosim import World

SESSION = Path(__file__).parent / "thonny_session.py"
NODE = """
from picolink import Node
node = Node("shed")

@node.command
def version():
    return VERSION

node.run("usb:")
"""


@pytest.mark.skipif(
    "PICOLINK_THONNY" not in os.environ,
    reason="PICOLINK_THONNY is not the Python of an environment with thonny (make thonny)",
)
def test_thonny_stops_runs_saves_and_starts(world: World) -> None:
    old, new = (NODE.replace("VERSION", number) for number in "12")
    board = world.board("shed", main=old, libs=compile_all(["usb"]))
    with picolink.connect(board.usb_path) as node:
        assert node.call("version") == 1
    done = subprocess.run(
        [os.environ["PICOLINK_THONNY"], SESSION, board.usb_path, new],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    for line in ("42", "ran on rp2", "KeyboardInterrupt: ", "shed: listening on usb:"):
        assert f"ProgramOutput {line}" in said, done.stdout
    with picolink.connect(board.usb_path) as node:
        assert node.call("version") == 2
