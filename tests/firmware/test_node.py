"""picolink's node on real firmware, and hosts that talk to it over USB."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

import picolink
from picolink.packing import compile_all
from picosim import FirmwareBoard, World
from picosim.rp2040.firmware import Firmware

Run = Callable[..., str]
TIMEOUT_S = 60

PROGRAM = """
from picolink import Node
node = Node("shed")
done = 0

@node.command
def add(a, b):
    return a + b

@node.command
def count():
    global done
    done += 1
    return done

@node.command
async def slow(ms):
    import asyncio
    await asyncio.sleep_ms(ms)
    return ms

@node.reading("level", unit="m", every_s=1)
def level():
    return 1.5

node.run("usb:")
"""


@pytest.fixture
def board(world: World, any_pico: Firmware) -> Iterator[FirmwareBoard]:
    board = world.board("shed", main=PROGRAM, libs=compile_all(["usb"]), firmware=any_pico.path)
    board.wait_ready()
    yield board


def test_calls_and_readings(board: FirmwareBoard) -> None:
    with picolink.connect(board.usb_path, timeout_s=TIMEOUT_S) as shed:
        assert shed.call("add", 2, 3) == 5
        text = "Füße " * 400
        assert shed.call("add", text, "!") == text + "!"
        assert [r.value for r in shed.readings("level", count=2)] == [1.5, 1.5]


def test_a_reset_in_the_middle_of_a_call(board: FirmwareBoard) -> None:
    with picolink.connect(board.usb_path, timeout_s=TIMEOUT_S) as shed:
        assert shed.call("count") == 1
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(shed.call, "slow", 600_000)
            time.sleep(0.5)
            board.reset()
            with pytest.raises(picolink.PicolinkError):
                slow.result()
        tries = 0
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            tries += 1
            try:
                assert shed.call("count") <= tries  # it has begun anew
                break
            except picolink.PicolinkError:
                assert time.monotonic() < deadline


def test_a_host_that_is_killed_in_a_call_and_the_next_one(board: FirmwareBoard) -> None:
    program = (
        "import sys, picolink\n"
        "with picolink.connect(sys.argv[1], timeout_s=60) as shed:\n"
        "    print(shed.call('count'), flush=True)\n"
        "    shed.call('slow', 60000)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for number in (1, 2):
        with subprocess.Popen(
            [sys.executable, "-c", program, board.usb_path], env=environment, text=True,
            stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout
            assert process.stdout.readline() == f"{number}\n"
            time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
    with picolink.connect(board.usb_path, timeout_s=TIMEOUT_S) as shed:
        assert shed.call("count") == 3


def test_power_off_and_on(board: FirmwareBoard) -> None:
    with picolink.connect(board.usb_path, timeout_s=TIMEOUT_S) as shed:
        assert shed.call("count") == 1
    board.power_off()
    board.power_on()
    with picolink.connect(board.usb_path, timeout_s=TIMEOUT_S) as shed:
        assert shed.call("count") == 1


def test_host_tools_find_it(board: FirmwareBoard, run: Run) -> None:
    assert "shed" in run("picolink.cli", "devices", "--quick")
    assert run("picolink.cli", "call", "usb:shed", "add", "2", "3") == "5\n"


def test_install_onto_an_empty_board(
    world: World, any_pico: Firmware, run: Run, tmp_path: Path
) -> None:
    board = world.board("fresh", firmware=any_pico.path)
    out = run("picolink.cli", "install", "usb:auto", "--timeout", "120", timeout_s=400)
    assert out.startswith("installed. pico-") and "commands: led_set" in out
    # The emulated pad of a Pico's LED does not read back what its chip puts out.
    on = ["on\n"] if any_pico.wifi else ["on\n", "off\n"]
    assert run("picolink.cli", "call", "usb:auto", "led_set", "on") in on
    again = run("picolink.cli", "install", "usb:auto", "--timeout", "120", timeout_s=400)
    assert "nothing to do" in again and board.state == "running"


def test_selftest(world: World, any_pico: Firmware, run: Run, tmp_path: Path) -> None:
    world.board("fresh", firmware=any_pico.path)
    report = tmp_path / "report.json"
    run("picolink.cli", "selftest", "usb:auto", "-o", str(report), timeout_s=110)
    assert report.exists()


def test_sim_up(any_pico: Firmware, mpremote: Run, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("lamp = 7\n")
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
        "PICOLINK_SIM_DIR": str(tmp_path / "announced"),
    }  # fmt: skip
    arguments = ["sim", "up", "--json", "--firmware", str(any_pico.path), f"{tmp_path}/main.py"]
    with subprocess.Popen(
        [sys.executable, "-m", "picolink.cli", *arguments], env=environment, text=True,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        about = json.loads(process.stdout.readline())
        board = SimpleNamespace(usb_path=about["usb_path"])
        assert mpremote(board, "exec", "import main, picolink; print(main.lamp)") == "7\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert not os.path.exists(about["usb_path"])
