"""examples/bluetooth on virtual boards: in any mixture of plain and picolink's own, the phone's
script, the snippet of the docs."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED
from terminal import Terminal

import picolink
from picolink.packing import compile_all
from picosim import VirtualBoard, World
from picosim.bluetooth.faults import BluetoothFaults

CPYTHON_ONLY = "virtual boards, bleak"
ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "examples" / "bluetooth"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=SEED) as world:
        world.bluetooth.set(BluetoothFaults(interval_ms=7.5))
        yield world


def board(world: World, name: str) -> VirtualBoard:
    libs = compile_all(["usb", "ble"])
    return world.board(name.replace("_", "-"), main=FOLDER / f"{name}.py", libs=libs)


def said(board: VirtualBoard, words: str) -> None:
    """Waits until the board has printed that."""
    with Terminal(board.usb_path) as terminal:
        if words not in board.log_text():
            terminal.expect(words.encode(), 30)


def test_the_pair_with_picolink(world: World) -> None:
    receiver, sender = board(world, "receiver"), board(world, "sender")
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    with picolink.connect(sender.usb_path, on_log=heard.put):

        def got_it(times: int) -> None:
            for _ in range(times):
                while heard.get(timeout=30) != "Got it":
                    pass

        got_it(2)
        receiver.bluetooth.out_of_range()
        receiver.bluetooth.back()
        got_it(2)
    numbers = [int(n) for n in re.findall(r"message (\d+)", receiver.log_text())]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 3


def test_the_plain_pair(world: World) -> None:
    receiver, sender = board(world, "plain_receiver"), board(world, "plain_sender")
    said(receiver, "message 2")
    said(sender, "Got it")
    sender.kill()
    said(receiver, "the sender has gone")
    sender.start()
    said(sender, "Got it")


def python(script: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "picosim.bluetooth", str(script), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=40,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_phone_and_the_computer(world: World) -> None:
    greenhouse = board(world, "phone_board")
    said(greenhouse, "listening on ble-peripheral:greenhouse")
    lines = python(FOLDER / "phone.py")
    assert lines[:2] == ["the lamp: on", "the lamp: on"]
    assert lines[2].startswith("the lamp: ! BadArguments: ")
    assert re.fullmatch(r"temperature: 2\d\.\d °C", lines[3])
    greenhouse.pin("LED").wait(1, timeout_s=5)
    lines = python(ROOT / "docs" / "snippets" / "ble_host.py")
    assert lines[0] == "the lamp is on" and "°C" in lines[1]
