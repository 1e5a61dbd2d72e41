"""Finding boards and opening ports, on real pseudo terminals and real files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serial.tools import list_ports, list_ports_common

from picolink.core.errors import BadAddress, CannotConnect, PicolinkError, PortBusy
from picolink.links.usb import discover
from picolink.links.usb.discover import (
    boot_drives,
    candidates,
    holders,
    open_exclusive,
    ports,
    resolve,
)

Announce = Callable[..., Path]


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo terminal: the board's end, and the path that a host opens."""
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    yield master, path
    os.close(master)
    os.close(slave)


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Announce:
    """Announces virtual boards as the simulator does; no real board is there."""
    folder = tmp_path / "sim"
    folder.mkdir()
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(folder))
    monkeypatch.setattr(list_ports, "comports", lambda: [])
    monkeypatch.setattr(discover, "boot_drives", lambda: [])

    def write(name: str, unique_id: str, path: str = "/dev/null", pid: int | None = None) -> Path:
        told = {"name": name, "unique_id": unique_id, "usb_path": path, "address": "127.77.0.1"}
        file = folder / f"{unique_id}.json"
        file.write_text(json.dumps({**told, "pid": os.getpid() if pid is None else pid}))
        return file

    return write


def usb_port(path: str, vid: int | None, pid: int | None, number: str) -> object:
    info = list_ports_common.ListPortInfo(path)
    info.vid, info.pid, info.serial_number = vid, pid, number
    return info


def ended_process() -> int:
    """The id of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait(10)
    return process.pid


def test_virtual_boards_are_found(announce: Announce) -> None:
    announce("greenhouse", "e6614103e7452d2f")
    (port,) = ports()
    assert port.name == "greenhouse"
    assert port.serial_number == "E6614103E7452D2F"
    assert port.virtual
    assert "greenhouse" in str(port)


def test_what_an_ended_simulator_left_is_ignored(announce: Announce) -> None:
    announce("gone", "01", pid=ended_process())
    announce("unplugged", "02", path="/dev/no-such-port")
    announce("broken", "03").write_text('{"name": "half')
    announce("odd", "04").write_text("[1, 2]")
    assert ports() == []


def test_nobody_elses_announcements_count(
    announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce("trap", "01")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    if os.geteuid() == 0:
        os.chown(os.environ["PICOLINK_SIM_DIR"], 54321, -1)
    assert ports() == []


def test_real_boards_are_found_by_their_usb_ids(
    announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    infos = [
        usb_port("/dev/ttyACM1", 0x2E8A, 0x0005, "E6614103E7452D2F"),
        usb_port("/dev/ttyACM0", 0x239A, 0x80F2, "CIRCUIT"),
        usb_port("/dev/ttyUSB0", 0x0403, 0x6001, "FTDI"),
        usb_port("/dev/ttyS0", None, None, ""),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: infos)
    assert [(p.path, p.description) for p in ports()] == [
        ("/dev/ttyACM0", "CircuitPython board"),
        ("/dev/ttyACM1", "MicroPython board"),
    ]
    assert resolve("usb:e6614103e7452d2f").path == "/dev/ttyACM1"
    # A real board's name is not known from outside: all are to be asked.
    assert [p.path for p in candidates("usb:greenhouse")] == ["/dev/ttyACM0", "/dev/ttyACM1"]


def test_a_pico_in_its_boot_drive_is_seen(tmp_path: Path) -> None:
    for name, vendor, product in [("1-1", "2e8a", "0003"), ("1-2", "2e8a", "0005")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "idVendor").write_text(vendor + "\n")
        (tmp_path / name / "idProduct").write_text(product + "\n")
    (tmp_path / "usb1").mkdir()
    assert boot_drives(tmp_path) == ["1-1"]


def test_auto_is_the_only_board(announce: Announce) -> None:
    with pytest.raises(CannotConnect, match=r"no board on USB.*cable carries data"):
        resolve("usb:auto")
    announce("greenhouse", "01")
    assert resolve("usb:auto").name == resolve("usb:").name == "greenhouse"
    announce("door", "02")
    with pytest.raises(BadAddress, match=r"there are 2.*Say which: usb:greenhouse or usb:door"):
        resolve("usb:auto")


def test_auto_with_a_boot_drive_says_what_to_copy(
    announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "boot_drives", lambda: ["1-1"])
    with pytest.raises(CannotConnect, match=r"RPI-RP2.*\.uf2"):
        resolve("usb:auto")


def test_by_name_by_serial_number_and_by_path(
    announce: Announce, terminal: tuple[int, str]
) -> None:
    announce("greenhouse", "ab01", path=terminal[1])
    announce("door", "ab02")
    for spec in ("usb:greenhouse", "usb:AB01", "usb:ab01", f"usb:{terminal[1]}", terminal[1]):
        assert resolve(spec).name == "greenhouse", spec
    with pytest.raises(CannotConnect, match=r"no board named 'grenhouse'.*greenhouse.*door"):
        resolve("usb:grenhouse")
    with pytest.raises(CannotConnect, match=r"no port /dev/ttyACM99: there is .*greenhouse"):
        resolve("/dev/ttyACM99")


def test_two_boards_of_one_name_are_reported(announce: Announce) -> None:
    announce("greenhouse", "ab01")
    announce("greenhouse", "ab02")
    with pytest.raises(BadAddress, match=r"2 boards are named.*usb:AB01 or usb:AB02"):
        resolve("usb:greenhouse")


def test_a_port_without_a_known_board_can_be_opened_by_path(
    announce: Announce, terminal: tuple[int, str]
) -> None:
    assert resolve(terminal[1]).serial_number is None


def test_com_ports_are_known_by_the_system(
    announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: [usb_port("COM3", 0x2E8A, 5, "01")])
    assert resolve("com3").serial_number == "01"
    with pytest.raises(CannotConnect, match="no port COM4: there is COM3"):
        resolve("COM4")


def test_an_opened_port_is_raw_and_does_not_block(terminal: tuple[int, str]) -> None:
    master, path = terminal
    fd = open_exclusive(path)
    try:
        with pytest.raises(BlockingIOError):
            os.read(fd, 1)
        awkward = bytes(range(256))
        os.write(fd, awkward)
        assert read_exactly(master, 256) == awkward
        os.write(master, awkward)
        os.set_blocking(fd, True)
        assert read_exactly(fd, 256) == awkward
        assert not termios.tcgetattr(fd)[3] & termios.ECHO
    finally:
        os.close(fd)


def read_exactly(fd: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(fd, count - len(data))
    return data


def test_a_port_can_be_opened_again_after_it_was_closed(terminal: tuple[int, str]) -> None:
    for _ in range(2):
        os.close(open_exclusive(terminal[1]))


def test_a_busy_port_names_its_holder(terminal: tuple[int, str], tmp_path: Path) -> None:
    script = tmp_path / "terminal_program.py"
    script.write_text(
        "import fcntl, os, sys\n"
        "fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)\n"
        "fcntl.flock(fd, fcntl.LOCK_EX)\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, str(script), terminal[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        assert (holder.pid, "terminal_program.py") in holders(terminal[1])
        with pytest.raises(PortBusy) as caught:
            open_exclusive(terminal[1])
        assert f"terminal_program.py (process {holder.pid})" in str(caught.value)
        holder.communicate(timeout=10)
    os.close(open_exclusive(terminal[1]))


def test_a_port_that_this_program_holds_says_so() -> None:
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    os.close(slave)
    fd = open_exclusive(path)
    try:
        with pytest.raises(PortBusy, match=r"this program has .* open already"):
            open_exclusive(path)
    finally:
        os.close(fd)
        os.close(master)


def test_a_missing_port_says_so() -> None:
    with pytest.raises(CannotConnect, match=r"no port /dev/ttyACM99: unplugged.*picolink devices"):
        open_exclusive("/dev/ttyACM99")


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(CannotConnect, match="is no serial port"):
        open_exclusive(str(path))


def without_permission(path: str) -> str:
    """Opens `path` as a user who may not; returns the error's message."""
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)
    try:
        open_exclusive(path)
    except PicolinkError as error:
        return str(error)
    finally:
        if as_root:
            os.seteuid(0)
    return "it opened"


def test_no_permission_says_which_group_to_join(terminal: tuple[int, str]) -> None:
    import grp

    path = terminal[1]
    group = grp.getgrgid(os.stat(path).st_gid)
    if os.geteuid() == 0:
        group = grp.getgrnam("dialout")
        os.chown(path, 0, group.gr_gid)
    os.chmod(path, 0o660 if os.geteuid() == 0 else 0o060)
    message = without_permission(path)
    assert f"belongs to the group {group.gr_name}" in message
    assert f"usermod -aG {group.gr_name}" in message or "Log out and in again" in message
    os.chmod(path, 0o600 if os.geteuid() == 0 else 0o000)
    assert "sudo chmod a+rw" in without_permission(path)
