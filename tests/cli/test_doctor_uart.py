"""`picolink doctor` names each fault that the wires of a UART can have."""

from __future__ import annotations

import os
import pty
import select
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.test_doctor import fault, well
from terminal import Terminal

import picolink
from picolink.core.errors import BadAddress
from picolink.links.host import diagnosis as findings
from picolink.links.uart import doctor
from picolink.packing import compile_all
from picosim import UartFaults, UartWire, VirtualBoard, World

NODE = "from picolink import Node\nNode('shed').run('usb:', 'uart:0?baud=%d')\n"
TALKS = (
    "import time\nfrom machine import UART\nu = UART(0, %d)\nwhile True:\n"
    "    u.write(b't=21.5 degrees\\r\\n')\n    time.sleep_ms(50)\n"
)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual board is never as late as a real one may be."""
    monkeypatch.setattr(doctor, "_ASK_MS", 700)
    monkeypatch.setattr(doctor, "_TRY_MS", 200)
    monkeypatch.setattr(doctor, "_COUNT_MS", 2000)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=1) as world:
        yield world


def node(world: World, baud: int = 115200) -> VirtualBoard:
    """A board whose node serves its UART."""
    board = world.board(
        f"board{len(world.boards)}", main=NODE % baud, libs=compile_all(["usb", "uart", "describe"])
    )
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"listening on uart:0")
    return board


@pytest.fixture(scope="module")
def board(world: World) -> VirtualBoard:
    return node(world)


@pytest.fixture(scope="module")
def good_wire(world: World, board: VirtualBoard) -> UartWire:
    return world.uart(board.uart(0))


@pytest.fixture
def wire(good_wire: UartWire) -> Iterator[UartWire]:
    """The wires between a node and the host, to be spoiled; good again afterwards."""
    yield good_wire
    good_wire.set(UartFaults())


def address(wire: UartWire) -> str:
    return f"uart:{wire.path}"


# The wires


def test_all_is_well(wire: UartWire) -> None:
    steps = well(address(wire))
    said = " ".join(step.what for step in steps)
    assert "40 of 40 hellos were answered" in said and "a picolink node answers: shed" in said
    assert "a call comes back" in said
    with picolink.connect(address(wire)) as host:  # and it is free again
        assert host.name == "shed"


@pytest.mark.parametrize("faults", [UartFaults(swapped=True), UartFaults(no_ground=True)])
def test_swapped_wires_and_no_ground_are_silence(wire: UartWire, faults: UartFaults) -> None:
    wire.set(faults)
    (last,) = fault(address(wire), "silence", "TX and RX are swapped", "ground", "GP0")[-1:]
    swapped, ground = last.why.index("swapped"), last.why.index("ground is not")
    assert swapped < ground < last.why.index("the board is off")  # in order of likelihood


def test_cut_wires_and_no_program_are_silence(world: World, wire: UartWire) -> None:
    wire.cut()
    try:
        fault(address(wire), "silence", "a wire is loose")
    finally:
        wire.mend()
    quiet = world.board("quiet", main="")
    fault(address(world.uart(quiet.uart(0))), "silence", "its program does not run")


def test_flipped_bits(wire: UartWire) -> None:
    wire.set(UartFaults(flipped=0.004))
    fault(address(wire), "noisy line", "noise flips bits", "ground beside them", "of 40 hellos")


def test_lost_bytes(wire: UartWire) -> None:
    wire.set(UartFaults(lost=0.004))
    fault(address(wire), "noisy line", "bytes are lost")


def test_noise_that_no_answer_survives(wire: UartWire) -> None:
    wire.set(UartFaults(flipped=0.1))
    last = picolink_steps(wire)[-1]
    assert last.kind in ("noisy line", "garbage") and not last.ok, last


def test_interruptions(wire: UartWire) -> None:
    wire.set(UartFaults(cuts_per_s=3, cut_ms=80))
    last = picolink_steps(wire)[-1]
    assert not last.ok and last.kind in ("interrupted line", "noisy line"), last


def picolink_steps(wire: UartWire) -> list[findings.Step]:
    from picolink.cli.commands.doctor import examine

    return list(examine(address(wire)))


def test_an_echo_of_a_node_is_borne_and_told(wire: UartWire) -> None:
    wire.set(UartFaults(echo=True))
    told = [step for step in well(address(wire)) if step.kind == "own echo"]
    assert told and "TX and RX touch" in told[0].why


def test_an_echo_alone(world: World) -> None:
    quiet = world.board("mute", main="")
    wire = world.uart(quiet.uart(0), "pty", UartFaults(echo=True))
    fault(address(wire), "own echo", "TX and RX of this computer touch")


# The baud rate


@pytest.mark.parametrize("baud", [9600, 921600])
def test_the_baud_rate_at_which_the_node_answers(world: World, baud: int) -> None:
    wire = world.uart(node(world, baud).uart(0))
    fault(
        address(wire), "wrong baud", f"At {baud} baud the node shed answers", f"?baud={baud}",
        "baud=115200",
    )  # fmt: skip
    well(f"{address(wire)}?baud={baud}")


def test_the_baud_rate_at_which_a_program_can_be_read(world: World) -> None:
    slow = world.board("slow", main=TALKS % 9600)
    wire = world.uart(slow.uart(0))
    fault(address(wire), "wrong baud", "At 9600 baud what comes can be read", "?baud=9600")


def test_garbage_that_no_baud_rate_explains(world: World) -> None:
    talks = world.board("garbage", main=TALKS % 115200)
    wire = world.uart(talks.uart(0), "pty", UartFaults(baud=9600))
    fault(address(wire), "garbage", "make no sense", "uart:PORT?baud=...")


def test_the_rate_of_the_port_is_as_it_was(wire: UartWire) -> None:
    fd = os.open(wire.path, os.O_RDWR | os.O_NOCTTY)
    try:
        before = termios.tcgetattr(fd)
    finally:
        os.close(fd)
    wire.set(UartFaults(swapped=True))
    list(doctor.examine(wire.path, {"baud": "9600"}))
    fd = os.open(wire.path, os.O_RDWR | os.O_NOCTTY)
    try:
        assert termios.tcgetattr(fd)[4:6] == before[4:6]
    finally:
        os.close(fd)


def test_addresses_that_can_not_be() -> None:
    for where in ("", "0"):
        with pytest.raises(BadAddress, match="on this computer say which port"):
            list(doctor.examine(where, {}))
    for text in ("115201", "fast", "-1"):
        with pytest.raises(BadAddress, match="115200 is usual"):
            list(doctor.examine("/dev/null", {"baud": text}))


# Who is there


def test_a_login_prompt_at_the_other_end(world: World) -> None:
    wire = world.uart("pty", "login")
    for _ in range(2):  # it is left as it was: the second time says the same
        fault(address(wire), "login prompt", "Raspberry Pi", "raspi-config", "login shell no")


def test_a_login_shell_on_this_side(world: World) -> None:
    wire = world.uart(node(world).uart(0), "pty", UartFaults(login=True))
    kinds = ("login shell here", "noisy line")
    fault(address(wire), kinds, "login shell", "of this computer", "raspi-config")
    # The two have fallen silent by and by: what is left to see are the pieces of answers.
    fault(address(wire), kinds, "login shell of this computer", "raspi-config")


def test_a_console_on_the_port(
    wire: UartWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.path.basename(os.path.realpath(wire.path))
    monkeypatch.setattr(doctor, "CMDLINE", tmp_path / "cmdline")
    (tmp_path / "cmdline").write_text(f"console={name},115200 root=/dev/mmcblk0p2 console=tty1")
    fault(address(wire), "login shell here", "console=", "raspi-config")
    (tmp_path / "cmdline").write_text("console=tty1 root=/dev/mmcblk0p2")
    well(address(wire))


def test_a_program_without_a_node(world: World) -> None:
    talks = world.board("talks", main=TALKS % 115200)
    wire = world.uart(talks.uart(0))
    fault(address(wire), "program without a node", '"t=21.5 degrees"', 'node.run("uart:0")')


def test_an_examination_runs_nothing(world: World, tmp_path: Path) -> None:
    """All that an examination sends, at all baud rates: no line of it may be run."""
    from picolink.node.features.lines import Lines, may_run

    master, slave = pty.openpty()
    path = os.ttyname(slave)
    list(doctor.examine(path, {}))
    sent = b""
    os.set_blocking(master, False)
    while select.select([master], [], [], 0)[0]:
        sent += os.read(master, 65536)
    os.close(master)
    os.close(slave)
    assert len(sent) > 500
    assert [line for line in Lines().feed(sent + b"\n") if may_run(line)] == []
    assert not set(sent) & set(b"\x03\x04\n")  # and nothing that stops or resets a prompt


# The port


def test_a_port_that_is_not_there() -> None:
    fault("uart:/dev/serial9", "no port", "its UART is turned off", "raspi-config")
    fault("uart:/dev/ttyUSB77", "no port", "unplugged")


def test_a_port_that_is_held_or_not_permitted(
    wire: UartWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with picolink.connect(address(wire)):
        fault(address(wire), "held port", "This program has")
    real = os.open

    def forbidden(file: str, *more: int) -> int:
        if file == wire.path:
            raise PermissionError(13, "Permission denied", file)
        return real(file, *more)

    monkeypatch.setattr(os, "open", forbidden)
    fault(address(wire), "no permission", "the group", "sudo")


def test_only_the_header_of_a_pi_is_looked_at_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "HEADER", tmp_path / "serial0")
    assert doctor.around() == []
    (tmp_path / "serial0").touch()
    assert doctor.around() == [f"uart:{tmp_path / 'serial0'}"]
