"""`picolink doctor` names what is wrong on an I2C bus, one test a cause."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.test_doctor import fault, well
from terminal import Terminal

from picolink.cli.commands.doctor import examine
from picolink.core.errors import BadAddress
from picolink.links.host import diagnosis as findings
from picolink.links.i2c import doctor
from picolink.packing import compile_all
from picosim import I2cBus, I2cFaults, VirtualBoard, World

pytest.importorskip("smbus2")

NODE = "from picolink import Node\nNode('shed').run('i2c-target:0/0x43', 'usb:')\n"
ADDRESS = "i2c:1/0x43"


@pytest.fixture(autouse=True)
def own_announcements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))


@pytest.fixture
def world(own_announcements: None) -> Iterator[World]:
    with World(seed=1) as world:
        yield world


def target(world: World, main: str = NODE, name: str = "shed", **options: str) -> VirtualBoard:
    libs = compile_all(["usb", "i2c", "describe"])
    board = world.board(name, main=main, libs=libs, **options)
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"listening on usb:")
    return board


@pytest.fixture
def bus(world: World) -> I2cBus:
    """A node at a Raspberry Pi's pins 3 and 5."""
    return world.i2c_host(1, target(world).i2c(0, 0, 1))


def test_all_is_well(bus: I2cBus) -> None:
    steps = well(ADDRESS)
    said = " ".join(step.what for step in steps)
    assert "a node's mailbox answers at 0x43" in said and "a call comes back" in said
    assert findings.NODE in [step.kind for step in steps]
    assert ADDRESS in doctor.around()


def test_nobody_at_the_address(bus: I2cBus) -> None:
    fault("i2c:1/0x44", "nobody answers", "another address", "i2c-target:0/0x44", "pins 3 (SDA)")


def test_the_target_does_not_run(world: World) -> None:
    board = world.board("idle", main="")
    world.i2c_host(1, board.i2c(0, 0, 1))
    fault(ADDRESS, "nobody answers", "its program does not run", "listening on", "1.26")
    assert doctor.around() == []


@pytest.mark.parametrize("line", ["sda_low", "scl_low"])
def test_a_line_held_low(bus: I2cBus, line: str) -> None:
    bus.set(I2cFaults(**{line: True}))
    (last,) = fault(ADDRESS, "bus held low", "holds SDA or SCL low", "node.quiet()")[-1:]
    assert "pull-ups on its pins 3 and 5, so they are not missing" in last.why


def test_no_pull_ups_on_another_bus_of_the_host(world: World) -> None:
    world.i2c_host(3, target(world).i2c(0, 0, 1), pull_ups=False)
    fault("i2c:3/0x43", "no pull-ups", "on bus 1 alone", "4.7 kohm from SDA to 3V3")


def test_noise(bus: I2cBus) -> None:
    bus.set(I2cFaults(flipped=0.1))
    fault(ADDRESS, "noisy line", "of 40 answers were right", "ground beside them")


def test_a_little_noise_is_borne(bus: I2cBus) -> None:
    bus.set(I2cFaults(flipped=0.004))
    assert all(step.ok for step in examine(ADDRESS))


def test_firmware_that_can_not_be_a_target(world: World) -> None:
    board = target(world, firmware="1.25.0")
    world.i2c_host(1, board.i2c(0, 0, 1))
    steps = fault(ADDRESS, "link not open", "MicroPython 1.25.0 has no I2CTarget", "1.26 or newer")
    assert steps[-2].kind == "nobody answers"
    assert "shed, at USB" in steps[-1].what


def test_the_bus_is_not_enabled(bus: I2cBus) -> None:
    bus.set(I2cFaults(not_enabled=True))
    fault(ADDRESS, "not enabled", "no /dev/i2c-1", "raspi-config")
    assert doctor.around() == []


def test_the_bus_may_not_be_opened(bus: I2cBus) -> None:
    bus.set(I2cFaults(not_permitted=True))
    fault(ADDRESS, "no permission", "usermod -aG i2c")


def test_smbus2_is_not_installed(bus: I2cBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbus2", None)
    fault(ADDRESS, "no smbus2", 'pip install "picolink[i2c]"')


def test_another_chip_at_the_address(world: World) -> None:
    bus = world.i2c_host(1)
    bus.chip(0x43, bytes(range(1, 65)))
    fault(ADDRESS, "another chip", "no picolink node", "i2c-target:0/0x44", "i2cdetect -y 1")


@pytest.mark.parametrize("address", ["i2c-target:0/0x43", "i2c-registers:0/0x43", "i2c:1/what"])
def test_what_is_no_address_of_a_hosts_says_so(address: str) -> None:
    with pytest.raises(BadAddress, match=r"as i2c:1/0x43"):
        list(examine(address))


# Two boards: the controller's own program tells, over USB

CONTROLLER = "from picolink import Node\nNode('desk').run('i2c:0/0x43', 'usb:')\n"


def two(world: World, **options: bool) -> tuple[VirtualBoard, I2cBus]:
    shed, desk = (
        target(world),
        world.board(
            "desk", main=CONTROLLER, libs=compile_all(["usb", "i2c", "describe"]), start=False
        ),
    )
    bus = world.i2c(shed.i2c(0, 0, 1), desk.i2c(0, 0, 1), **options)
    return desk, bus


def of_desk(desk: VirtualBoard, *words: str) -> None:
    desk.start()
    with Terminal(desk.usb_path) as terminal:
        terminal.expect(b"listening on usb:", 20)
    steps = [step for step in examine(f"usb:{desk.usb_path}") if not step.ok]
    assert [step.kind for step in steps] == ["link not open"], steps
    for word in words:
        assert word in f"{steps[0].why} {steps[0].advice}", steps


def test_two_boards_without_pull_ups(world: World) -> None:
    desk, _ = two(world)
    of_desk(desk, "has no pull-up", "4.7 kohm from SDA to 3V3", "two Picos have none")


@pytest.mark.parametrize(("line", "pin"), [("SDA", "GP0"), ("SCL", "GP1")])
def test_two_boards_and_a_line_held_low(world: World, line: str, pin: str) -> None:
    desk, bus = two(world, pull_ups=True)
    bus.set(I2cFaults(sda_low=line == "SDA", scl_low=line == "SCL"))
    of_desk(desk, f"{line} ({pin}) of I2C 0 is held low")


def test_two_boards_of_which_one_does_not_answer(world: World) -> None:
    desk, bus = two(world, pull_ups=True)
    world.boards["shed"].power_off()
    of_desk(desk, "obody answers at 0x43 on I2C 0", "ground joined")


def test_two_boards_and_all_is_well(world: World) -> None:
    desk, _ = two(world, pull_ups=True)
    desk.start()
    desk.wait_printed("listening on i2c:0/0x43")
    assert not [step for step in examine(f"usb:{desk.usb_path}") if not step.ok]
