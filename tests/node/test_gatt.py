"""Plain Bluetooth characteristics (`Node.gatt`): driven by a script on bleak that knows nothing of
picolink."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED

import picolink
from picolink.core.errors import UsageError
from picolink.packing import compile_all
from picosim import VirtualBoard, World
from picosim.bluetooth.faults import BluetoothFaults

CPYTHON_ONLY = "virtual boards, bleak"

BOARD = """
import asyncio
from picolink import Node
node = Node("greenhouse")
level = 20

@node.command("level: 0..100 %")
def fan(value=None):
    global level
    if value is not None:
        level = value
    return level

@node.command
async def slowly(text):
    await asyncio.sleep(0.05)
    return "slowly " + text

@node.command
def breaks():
    return 1 / 0

@node.reading("level", unit="%", every_s=0.05)
def measure():
    return level / 3

@node.reading("nothing", every_s=0.05)
def nothing():
    return float("nan")

LONG = "c66941f7-cd35-43ac-8f99-0e9515a8aaaa"
node.gatt(service=0x1848, characteristic=0x2A56, command="fan")
node.gatt(service=0x1848, characteristic=0x2A6E, reading="level", format="%.2f")
node.gatt(service=0x1848, characteristic=0x2A57, command=slowly, reading="")
node.gatt(service=LONG, characteristic=LONG[:-1] + "b", command="fan", reading="level")
node.gatt(service=0x181A, characteristic=0x2A58, command="breaks")
node.gatt(service=0x181A, characteristic=0x2A59, reading="nothing")
node.run("usb:", "ble-peripheral:")
"""

PLAIN = """
import asyncio, json, sys
from bleak import BleakClient, BleakScanner

def whole(short):
    return "0000%s-0000-1000-8000-00805f9b34fb" % short

FAN, LEVEL, SLOWLY = whole("2a56"), whole("2a6e"), whole("2a57")
BREAKS, NOTHING = whole("2a58"), whole("2a59")
LONG = "c66941f7-cd35-43ac-8f99-0e9515a8aaa"

async def main():
    device = await BleakScanner.find_device_by_name("greenhouse")
    seen = {}
    async with BleakClient(device) as board:
        heard = {}
        for uuid in (FAN, LEVEL, SLOWLY, BREAKS):
            heard[uuid] = queue = asyncio.Queue()
            await board.start_notify(
                uuid, lambda _, value, queue=queue: queue.put_nowait(value.decode())
            )

        async def told(uuid, text, response=True):
            queue = heard[uuid]
            while not queue.empty():
                queue.get_nowait()
            await board.write_gatt_char(uuid, text.encode(), response=response)
            return await asyncio.wait_for(queue.get(), 5)

        mapped = {whole("1848"), whole("181a"), LONG + "a"}
        seen["services"] = sorted({s.uuid for s in board.services} & mapped)
        seen["described"] = [
            (await board.read_gatt_descriptor(d.handle)).decode()
            for s in board.services for c in s.characteristics for d in c.descriptors
            if d.uuid == whole("2901")
        ]
        seen["fan"] = [await told(FAN, text, response) for text, response in
                       (("55", True), ("", False), ("[60]", True), ("200", True), ("{", True))]
        seen["read"] = (await board.read_gatt_char(FAN)).decode()
        while not heard[LEVEL].empty():
            heard[LEVEL].get_nowait()
        seen["notified"] = [await asyncio.wait_for(heard[LEVEL].get(), 5) for _ in range(3)]
        seen["level"] = (await board.read_gatt_char(LEVEL)).decode()
        seen["slowly"] = await told(SLOWLY, "über alles")
        await board.write_gatt_char(LONG + "b", b"30")
        while True:
            value = (await board.read_gatt_char(LONG + "b")).decode()
            if value == "10.0":
                break
        seen["breaks"] = await told(BREAKS, "")
        seen["nothing"] = (await board.read_gatt_char(NOTHING)).decode()
    print(json.dumps(seen))

asyncio.run(main())
"""


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=SEED) as world:
        world.bluetooth.set(BluetoothFaults(interval_ms=7.5))
        yield world


def ready(world: World, program: str) -> VirtualBoard:
    board = world.board("greenhouse", main=program, libs=compile_all(["usb", "ble"]))
    with picolink.connect(board.usb_path):
        return board


def plain(script: Path | str, *arguments: str) -> str:
    """What a script prints whose bleak finds virtual boards."""
    done = subprocess.run(
        [sys.executable, "-m", "picosim.bluetooth", str(script), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=40,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_plain_script_uses_commands_and_readings(world: World, tmp_path: Path) -> None:
    board = ready(world, BOARD)
    script = tmp_path / "plain.py"
    script.write_text(PLAIN, "utf-8")
    seen = json.loads(plain(script))
    assert len(seen["services"]) == 3
    assert seen["described"] == ["fan", "level", "slowly", "fan", "breaks", "nothing"]
    assert seen["fan"][:3] == ["55", "55", "60"]
    assert seen["fan"][3].startswith("! BadArguments: ") and "0..100" in seen["fan"][3]
    assert seen["fan"][4].startswith("! BadArguments: ")
    assert seen["read"] == seen["fan"][4]
    assert seen["notified"] == ["20.00"] * 3 and seen["level"] == "20.00"
    assert seen["slowly"] == "slowly über alles"
    assert seen["breaks"].startswith("! ZeroDivisionError")
    assert seen["nothing"] == ""
    assert "ZeroDivisionError" in board.log_text()
    # It advertises again, and a node may come.
    plain(script)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("node.gatt(1, 2, command='fan2')", "there is no command 'fan2'"),
        ("node.gatt(1, 2, reading='levels')", "there is no reading 'levels'"),
        ("for i in range(20): node.gatt(1, i, command='fan')", "[Errno 12] ENOMEM: so many"),
    ],
)
def test_what_is_not_there_is_said_at_the_start(world: World, line: str, words: str) -> None:
    program = "\n".join(row for row in BOARD.split("\n") if "node.gatt" not in row)
    board = ready(world, program.replace("node.run", f"{line}\nnode.run"))
    assert "no ble-peripheral:: " + words in board.log_text()


def test_a_characteristic_is_for_something() -> None:
    with pytest.raises(UsageError, match="a command= to be written"):
        picolink.Node("a").gatt(0x1848, 0x2A56)
