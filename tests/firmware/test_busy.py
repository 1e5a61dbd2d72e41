"""What picolink asks a firmware whose program never reads: Ctrl-C gets in all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import picolink
from picolink.links.usb.identify import UNREAD
from picosim import FirmwareBoard, World
from picosim.rp2040.firmware import Firmware

Run = Callable[..., str]
ROUNDS = 10
LOOP = "while True:\n    pass\n"
NODE = "from picolink import Node\nNode('stopped').run('usb:')\n"


@pytest.fixture
def busy(world: World, any_pico: Firmware, run: Run) -> FirmwareBoard:
    """A board in a loop, whom `devices`, `doctor` and `describe` have asked ten times each."""
    board = world.board("busy", main=LOOP, firmware=any_pico.path)
    board.wait_ready()
    path = board.usb_path
    said = ""
    for _ in range(ROUNDS):
        for ask in (["devices"], ["doctor", path], ["describe", path, "--timeout", "2"]):
            said += run("picolink.cli", *ask, may_fail=True)
    assert UNREAD in " ".join(said.split())
    return board


@pytest.mark.timeout(1200)
def test_mpremote_stops_it(busy: FirmwareBoard, mpremote: Run) -> None:
    assert mpremote(busy, "exec", "print(6 * 7)") == "42\n"


@pytest.mark.timeout(1200)
def test_install_stops_it(busy: FirmwareBoard, run: Run, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(NODE)
    run(
        "picolink.cli", "install", busy.usb_path, "--main", str(program), "--timeout", "120",
        timeout_s=400,
    )  # fmt: skip
    with picolink.connect(busy.usb_path, timeout_s=60) as node:
        assert node.name == "stopped"
