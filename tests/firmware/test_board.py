"""A board of firmware as host tools have it: its REPL, its files, its port, its power."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial

from picosim import FirmwareBoard, World
from picosim.base import announce
from picosim.rp2040.firmware import Firmware

Mpremote = Callable[..., str]


def open_port(board: FirmwareBoard) -> serial.Serial:
    return serial.Serial(board.usb_path, timeout=20, write_timeout=20)


def wait_for_port(board: FirmwareBoard) -> None:
    deadline = time.monotonic() + 20
    while not os.path.exists(board.usb_path):
        assert time.monotonic() < deadline, board
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def test_its_prompt_is_the_firmwares_and_the_id_its_own(
    world: World, any_pico: Firmware, mpremote: Mpremote
) -> None:
    board = world.board("a", firmware=any_pico.path)
    out = mpremote(
        board, "exec", "import sys, machine; print(machine.unique_id().hex(), sys.version)"
    )
    assert out.startswith(board.unique_id.hex())
    assert f"MicroPython v{any_pico.version}" in out


def test_files_are_there_and_go_both_ways(
    world: World, any_pico: Firmware, mpremote: Mpremote, tmp_path: Path
) -> None:
    board = world.board(
        "a", files={"old.txt": "here"}, libs={"m.py": b"n = 7\n"}, firmware=any_pico.path
    )
    assert mpremote(board, "exec", "import m; print(m.n, open('old.txt').read())") == "7 here\n"
    data = bytes(range(256)) * 12
    (tmp_path / "up.bin").write_bytes(data)
    mpremote(board, "fs", "cp", str(tmp_path / "up.bin"), ":up.bin")
    mpremote(board, "fs", "cp", ":up.bin", str(tmp_path / "down.bin"))
    assert (tmp_path / "down.bin").read_bytes() == data


def test_files_outlive_reset_power_and_process(
    world: World, any_pico: Firmware, mpremote: Mpremote
) -> None:
    board = world.board("a", firmware=any_pico.path)
    mpremote(board, "exec", "f = open('f', 'w'); f.write('kept'); f.close()")
    cycles = board.cycles()
    for again in (
        board.reset,
        lambda: (board.power_off(), board.power_on()),
        lambda: (board.kill(), board.start()),
    ):
        again()
        assert mpremote(board, "exec", "print(open('f').read(), end='')") == "kept"
    assert cycles > 1_000_000


def test_states_and_the_port_follow_power_and_cable(world: World, any_pico: Firmware) -> None:
    board = world.board("a", firmware=any_pico.path, start=False)
    assert board.state == "off" and not os.path.exists(board.usb_path)
    board.start()
    assert os.path.exists(board.usb_path)
    board.wait_ready()
    assert [each["name"] for each in announce.announced()] == ["a"]
    board.unplug()
    assert not os.path.exists(board.usb_path) and board.state == "running"
    assert not announce.announced()
    board.plug()
    with open_port(board) as port:
        port.write(b"print(6 * 7)\r")
        assert port.read_until(b"\r\n42\r\n").endswith(b"\r\n42\r\n")
    board.power_off()
    assert board.state == "off" and not os.path.exists(board.usb_path)
    board.power_on()
    assert os.path.exists(board.usb_path)


def test_a_reset_in_the_middle_hangs_the_port_up_and_it_comes_back(
    world: World, any_pico: Firmware
) -> None:
    board = world.board("a", main="while True:\n    print('round')\n", firmware=any_pico.path)
    with open_port(board) as port:
        port.read_until(b"round\r\nround")
        board.reset()
        with pytest.raises(serial.SerialException):
            for _ in range(100):
                port.read(1000)
    with open_port(board) as port:
        assert port.read_until(b"round\r\nround").endswith(b"round")


def test_machine_reset_takes_the_port_away_too(world: World, any_pico: Firmware) -> None:
    board = world.board("a", firmware=any_pico.path)
    with open_port(board) as port:
        port.write(b"import machine; machine.reset()\r")
        with pytest.raises(serial.SerialException):
            for _ in range(100):
                port.read(1000)
    wait_for_port(board)
    with open_port(board) as port:
        port.write(b"import machine; machine.reset_cause()\r")
        assert port.read_until(b"\r\n3\r\n").endswith(b"\r\n3\r\n")  # WDT_RESET


def test_a_program_waits_for_a_host_that_does_not_read_and_for_none_that_is_not_there(
    world: World, any_pico: Firmware
) -> None:
    # 64 kB are more than the port, the kernel and the board hold together.
    program = """
import sys, time
def lines(name):
    t = time.ticks_ms()
    for n in range(20):
        sys.stdout.write('.' * 63 + '\\n')
    return '%s %d' % (name, time.ticks_diff(time.ticks_ms(), t))
sys.stdin.readline()
told = [lines('read')]
sys.stdin.readline()
time.sleep(1)
told.append(lines('away'))
sys.stdin.readline()
print(told)
"""
    board = world.board("a", main=program, firmware=any_pico.path)
    board.wait_ready()
    with open_port(board) as port:
        port.write(b"\n")
        got = b""
        while got.count(b"\n") < 20:
            got += port.read(1)
        port.write(b"\n")
    time.sleep(4)
    with open_port(board) as port:
        port.write(b"\n")
        line = port.read_until(b"]\r\n").splitlines()[-1]
    name, ms = eval(line)[1].split()
    assert name == "away" and int(ms) < 400, line


def test_output_stops_at_a_host_that_does_not_read(world: World, any_pico: Firmware) -> None:
    program = """
import sys
sys.stdin.readline()
n = 0
while True:
    n += 1
    sys.stdout.write('%07d\\n' % n)
"""
    board = world.board("a", main=program, firmware=any_pico.path)
    board.wait_ready()
    with open_port(board) as port:
        port.write(b"\n")
        port.read_until(b"0000002\r\n")
        deadline = time.monotonic() + 30
        before = -1
        while board.log_text() != before and time.monotonic() < deadline:
            before = board.log_text()
            time.sleep(0.3)
        held = len(board.log_text())
        assert 2000 < held < 6000  # what a tty holds
        got = port.read(3000)
        numbers = [int(line) for line in got.split()[1:-1]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_two_boards_at_once_have_different_ids(
    world: World, any_pico: Firmware, mpremote: Mpremote
) -> None:
    boards = [world.board(name, firmware=any_pico.path) for name in ("a", "b")]
    told = [mpremote(b, "exec", "import machine; print(machine.unique_id().hex())") for b in boards]
    assert [each.strip() for each in told] == [b.unique_id.hex() for b in boards]
    assert told[0] != told[1] and boards[0].address != boards[1].address


def test_what_it_printed_and_what_is_in_its_memory(world: World, any_pico: Firmware) -> None:
    board = world.board(
        "a", main="import time; time.sleep(1); print('it is', 21)", firmware=any_pico.path
    )
    deadline = time.monotonic() + 20
    while board.seconds() < 1.5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "it is" not in board.log_text()
    with open_port(board):
        assert board.wait_printed("it is") == " 21"  # kept for whoever comes
    board.power_off()
    assert board.memory(0x1000_0000, 4) == b""
    board.power_on()
    sdk_boot2_begins_with = bytes.fromhex("00b5324b")
    assert board.memory(0x1000_0000, 4) == sdk_boot2_begins_with


def test_it_ends_with_its_world_that_is_killed(any_pico: Firmware, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from picosim import World\n"
        "board = World().board('a', firmware=Path(sys.argv[1]))\n"
        "print(board.process_id, flush=True); time.sleep(1000)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(any_pico.path)], env=environment, text=True,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        board = int(process.stdout.readline())
        assert not gone(board)
        process.kill()
    deadline = time.monotonic() + 10
    while not gone(board) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(board)
