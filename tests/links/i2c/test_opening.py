"""Opening I2C: what is wrong is said in plain words; several targets on one bus, a ready pin, what
looking costs, a target that a flash write hung, what a board stores."""

from __future__ import annotations

import builtins
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from i2c_pairs import Pair, connect
from i2c_programs import CONTROLLER, TARGET

import picolink
from picolink.cli.main import main
from picolink.core.errors import BadAddress, CannotConnect, PortBusy
from picolink.links.i2c import host
from picolink.packing import compile_all, sizes
from picosim import VirtualBoard, World
from picosim.i2c.faults import I2cFaults
from picosim.i2c.public import I2cBus

CPYTHON_ONLY = "virtual boards"


# On a computer


@pytest.mark.parametrize(
    "address,why",
    [
        ("i2c:x/0x43", "no bus and target"),
        ("i2c:1/0x7f", "0x08 to 0x77"),
        ("i2c:1/0x43?freq=400000", "dtparam=i2c_arm_baudrate"),
        ("i2c:1/0x43?sda=0", "no option 'sda' on this computer"),
        ("i2c-target:0/0x43", "is a board's"),
    ],
)
def test_an_address_that_is_wrong_here(address: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why):
        picolink.connect(address)


def test_smbus2_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "smbus2":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CannotConnect, match=r'pip install "picolink\[i2c\]"'):
        host.open_bus(1)


@pytest.fixture
def bus(world: World) -> Iterator[I2cBus]:
    made = world.i2c_host(3)
    yield made
    made.close()


def test_there_is_no_such_bus(bus: I2cBus) -> None:
    bus.set(I2cFaults(not_enabled=True))
    with pytest.raises(CannotConnect, match="raspi-config.*dtparam=i2c_arm=on"):
        picolink.connect("i2c:3")


def test_it_is_not_permitted(bus: I2cBus) -> None:
    bus.set(I2cFaults(not_permitted=True))
    with pytest.raises(CannotConnect, match="usermod -aG i2c"):
        picolink.connect("i2c:3")


def test_nobody_answers(bus: I2cBus) -> None:
    began = time.monotonic()
    with pytest.raises(CannotConnect, match="nobody answers at 0x43.*node.run"):
        picolink.connect("i2c:3")
    assert time.monotonic() - began < 5


def test_a_line_is_held_low(bus: I2cBus) -> None:
    bus.set(I2cFaults(sda_low=True))
    with pytest.raises(CannotConnect, match="stands still"):
        picolink.connect("i2c:3")


def test_another_chip_is_there(bus: I2cBus) -> None:
    bus.chip(0x43, bytes(range(64)))
    with pytest.raises(CannotConnect, match="no picolink node, but another chip"):
        picolink.connect("i2c:3")


def test_two_programs_with_one_target(tmp_path: Path) -> None:
    # The lock is on the device's file: one byte a target, whoever opens it.
    path = tmp_path / "i2c-1"
    path.touch()
    other = (
        "import os, sys\n"
        "from picolink.links.i2c.host import claim\n"
        "fd = os.open(sys.argv[1], os.O_RDWR)\n"
        "claim(fd, 0x44)\n"
        "try:\n"
        "    claim(fd, 0x43)\n"
        "except OSError as error:\n"
        "    sys.exit(error.errno)\n"
    )
    fd = os.open(path, os.O_RDWR)
    host.claim(fd, 0x43)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", other, str(path)], env=environment, timeout=20)
    assert done.returncode == 11  # EAGAIN
    os.close(fd)
    done = subprocess.run([sys.executable, "-c", other, str(path)], env=environment, timeout=20)
    assert done.returncode == 0


def test_a_second_time_in_one_program(pair: Callable[..., Pair]) -> None:
    two = pair()
    with pytest.raises(PortBusy, match="open already in this program"):
        picolink.connect("i2c:1/0x43")
    assert two.ask("echo", 1) == 1
    two.host.close()
    two.host = connect()
    assert two.ask("echo", 2) == 2


def test_all_is_given_back(pair: Callable[..., Pair]) -> None:
    import threading

    two = pair()
    two.host.close()
    assert not host._buses
    deadline = time.monotonic() + 5
    while any(thread.name == "picolink i2c-1" for thread in threading.enumerate()):
        assert time.monotonic() < deadline


def test_devices_asks_only_whom_it_may(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    main_file = TARGET.replace("PEER", '"host"').replace("LINKS", '("usb:",)')
    board = world.board("listed", main=main_file, libs=compile_all(["usb", "i2c"]))
    bus = world.i2c_host(1, board.i2c(0, 0, 1))
    bus.chip(0x44, bytes(range(64)))
    board.wait_ready()

    def listed(*told: str) -> dict[str, dict[str, Any]]:
        assert main(["devices", "--json", *told]) == 0
        rows = json.loads(capsys.readouterr().out)
        return {row["address"]: row for row in rows if str(row["address"]).startswith("i2c:")}

    connect().close()  # it runs
    nacks = bus.counts()["nacks"]
    rows = listed()
    assert list(rows) == ["i2c:1/0x43"]
    assert (rows["i2c:1/0x43"]["name"], rows["i2c:1/0x43"]["state"]) == ("target", "node")
    assert bus.counts()["nacks"] == nacks  # where nobody is, nobody was asked
    told = listed("i2c:1/0x44")["i2c:1/0x44"]
    assert told["state"] == "error" and "another chip" in told["advice"]
    with connect():
        assert listed()["i2c:1/0x43"]["state"] == "held port"
    bus.close()
    board.kill()


# On a board

WRONG = """
from picolink import Node
node = Node("wrong")
node.run("usb:", *LINKS)
"""


def test_what_a_board_can_not_open_it_says(world: World) -> None:
    links = {
        "i2c-target:2": "a board has I2C 0 and 1",
        "i2c-target:0/0x99": "0x08 to 0x77",
        "i2c-target:0?sda=1": "I2C 0 can't have SDA at pin 1: it can be GP0, GP4",
        "i2c-target:0?freq=5": "has no option freq; there are ready, scl, sda",
        "i2c:1?freq=5": "1000 to 1000000 Hz",
        "i2c:0/0x43": "nobody answers at 0x43 on I2C 0",
        "i2c:0/0x55": "no picolink node, but another chip",
        "i2c-target:1/0x43": "",
        "i2c:1/0x43": "open already in this program",
    }
    main = WRONG.replace("LINKS", repr(list(links)))
    libs = compile_all(["usb", "i2c"])
    board = world.board("wrong", main=main, libs=libs, heap_bytes=1_000_000, start=False)
    bus = world.i2c(board.i2c(0, 0, 1), pull_ups=True)
    bus.chip(0x55, bytes(range(64)))
    board.start()
    with picolink.connect(board.usb_path, timeout_s=20):
        said = board.log_text().replace("\r", "")
    for link, why in links.items():
        if why:
            (line,) = [line for line in said.split("\n") if f"no {link}: " in line]
            assert why in line, line
        else:
            assert "listening on " + link in said
    board.kill()
    bus.close()


def test_firmware_before_1_26(world: World) -> None:
    main = WRONG.replace("LINKS", "['i2c-target:0']")
    board = world.board("old", main=main, libs=compile_all(["usb", "i2c"]), firmware="1.25.0")
    with picolink.connect(board.usb_path, timeout_s=20):
        assert "has no I2CTarget: 1.26 or newer has" in board.log_text()
    board.kill()


# A bus at work

SECOND = TARGET.replace('Node("target"', 'Node("second"').replace("0x43", "0x44")


def test_several_targets_on_one_bus(world: World) -> None:
    libs = compile_all(["usb", "i2c"])

    def board(name: str, source: str) -> VirtualBoard:
        main = source.replace("PEER", '"host"').replace("LINKS", "()")
        made: VirtualBoard = world.board(name, main=main, libs=libs, heap_bytes=1_000_000)
        return made

    boards = [board("first-target", TARGET), board("second-target", SECOND)]
    bus = world.i2c_host(1, *(each.i2c(0, 0, 1) for each in boards), controller="gpio")
    for each in boards:
        each.wait_ready()
    with connect() as first, picolink.connect("i2c:1/0x44") as second:
        assert (first.name, second.name) == ("target", "second")
        big = bytes(range(256)) * 16
        calls = [(first, first.name), (second, second.name)] * 3
        for host_side, name in calls:
            assert host_side.call("echo", [name, big]) == [name, big]
        boards[0].kill()  # the other one is not held up for good
        assert second.call("echo", 1) == 1
    bus.close()
    boards[1].kill()


def test_a_board_controls_several_targets(world: World) -> None:
    libs = compile_all(["usb", "i2c"])
    targets = [TARGET, SECOND]
    boards = [
        world.board(
            f"of-one-{number}", libs=libs, heap_bytes=1_000_000,
            main=source.replace("PEER", '"controller"').replace("LINKS", "()"),
        )
        for number, source in enumerate(targets)
    ]  # fmt: skip
    main = CONTROLLER.replace("OPTIONS", "freq=400000").replace(
        "@node.command\nasync def name",
        'other = node.peer("i2c:0/0x44?freq=400000")\n\n@node.command\nasync def both(value):\n'
        '    return (await peer.call("echo", value), await other.call("echo", value))\n\n'
        "@node.command\nasync def name",
    )
    caller = world.board("of-two", main=main, libs=libs, heap_bytes=1_000_000)
    blocks = [each.i2c(0, 0, 1) for each in (*boards, caller)]
    bus = world.i2c(*blocks, pull_ups=True)
    with picolink.connect(caller.usb_path, timeout_s=20) as usb:
        for i in range(5):
            assert usb.call("both", i, timeout_s=20) == [i, i]
    bus.close()
    for each in (*boards, caller):
        each.kill()


@pytest.mark.parametrize("hz", [100_000, 400_000])
def test_looking_takes_less_than_a_hundredth_of_the_bus(pair: Callable[..., Pair], hz: int) -> None:
    two = pair(hz)
    two.ask("echo", "awake")
    counts = two.bus.counts()
    begin = counts
    while counts["elapsed_us"] < begin["elapsed_us"] + 1_000_000:  # its interval grows meanwhile
        counts = two.bus.counts()
    begin = counts
    while counts["elapsed_us"] < begin["elapsed_us"] + 6_000_000:  # with a keepalive
        time.sleep(0.05)  # nothing is waited for: so long it is counted
        counts = two.bus.counts()
    bits = counts["bits"] - begin["bits"]
    passed_s = (counts["elapsed_us"] - begin["elapsed_us"]) / 1e6
    assert 0 < bits < 0.01 * hz * passed_s
    assert two.ask("echo", "still here") == "still here"


def test_a_ready_pin(pair: Callable[..., Pair]) -> None:
    two = pair(100_000, boards=True, ready=True)
    assert two.host.call("name", timeout_s=30) == "target"
    assert two.relay(0, 20) == (20, "")
    assert two.ask("back", "there") == "there"
    begin = before = two.bus.counts()
    while True:  # what a busy machine sends again is over
        now = two.bus.counts()
        if now["transfers"] != before["transfers"]:
            before = now
        elif now["elapsed_us"] - before["elapsed_us"] > 500_000:
            break
        assert now["elapsed_us"] - begin["elapsed_us"] < 20_000_000, "it is never quiet"
        time.sleep(0.05)  # nothing is waited for: so long it is counted
    before = two.bus.counts()
    while True:
        now = two.bus.counts()
        passed_us = now["elapsed_us"] - before["elapsed_us"]
        if passed_us > 2_000_000:
            break
        time.sleep(0.05)  # nothing is waited for: so long it is counted
    assert now["transfers"] - before["transfers"] <= 24  # a keepalive and its answer
    data = bytes(range(256)) * 8
    assert two.ask("echo", data) == data
    assert two.noted() == list(range(20))


@pytest.mark.parametrize("boards", [True, False])
def test_a_target_that_a_flash_write_hung_comes_back(
    pair: Callable[..., Pair], boards: bool
) -> None:
    # Without node.quiet(), under a controller that asks all the time: it hangs now and then.
    two = pair(400_000, boards)
    for i in range(6):
        two.ask("save", False)
        assert two.ask("echo", i) == i
    assert two.relay(0, 10) == (10, "")
    assert two.noted() == list(range(10))


def test_a_target_off_its_bus_while_it_writes(pair: Callable[..., Pair]) -> None:
    two = pair(400_000)
    for i in range(6):
        two.ask("save", True)
        assert two.ask("echo", i) == i
    counts = two.bus.counts()
    assert counts["nacks"] > 0
    assert counts["timeouts"] == 0
    assert two.host.why == ""  # the link was never lost


# What it takes


def test_what_a_board_stores() -> None:
    """At most 6 kB for either role, and what real names cost (470 bytes of a controller, 720 of
    all); the words for what is wrong, and registers, are besides."""
    each = {
        place.rpartition("/")[2].removesuffix(".mpy"): size
        for place, size in sizes(["i2c"]).items()
        if "/i2c/" in place
    }
    common = sum(each[name] for name in ("board", "layout", "options"))
    target = common + each["board_serving"] + each["board_target"] + each["target"]
    controller = common + each["board_controller"] + each["controller"]
    print(f"target {target}, controller {controller} bytes; {each}")
    assert target <= 6 * 1024
    assert controller <= 6 * 1024 + 470
    assert sum(each.values()) - each["refusal"] - each["board_registers"] <= 9.5 * 1024 + 720


def test_a_host_says_goodbye(pair: Callable[..., Pair]) -> None:
    # The board knows at once that the session is over, and has room for others.
    two = pair()
    for _ in range(6):
        two.host.close()
        two.host = connect()
        assert len(two.host.stats()["sessions"]) == 1
