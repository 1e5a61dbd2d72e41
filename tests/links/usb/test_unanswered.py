"""What picolink asks a board that does not read never keeps Ctrl-C out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from picolink import CannotConnect, PicolinkError, connect
from picolink.cli.commands import devices
from picolink.cli.main import main
from picolink.install.repl import Repl
from picolink.links.usb import doctor, host, unanswered
from picolink.links.usb.discover import Port
from picolink.links.usb.identify import UNREAD
from picolink.links.usb.unanswered import MOST_BYTES, MOST_WITH_PROBE_BYTES, Unanswered
from picolink.packing import compile_all
from picosim import VirtualBoard, World

BOARD_TAKES_BYTES = 704
HELLO_BYTES = 106
STUCK = """
from picolink import Node
node = Node("stuck")

@node.command
def compute():
    while True:
        pass

node.run("usb:")
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    monkeypatch.setattr(unanswered.tempfile, "gettempdir", lambda: str(tmp_path))
    with World(seed=1) as world:
        yield world


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No patience with boards of which it is known that they do not answer."""
    monkeypatch.setattr(devices, "_ASK_S", 0.2)
    for name in ("_REST_MS", "_ANSWER_MS"):
        monkeypatch.setattr(doctor, name, 50)
    monkeypatch.setattr(host, "ANSWER_MS", 20)
    for elsewhere in ("search", "nearby", "around"):
        monkeypatch.setattr(devices, elsewhere, lambda **_: [])


@pytest.fixture
def pty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(unanswered.tempfile, "gettempdir", lambda: str(tmp_path))
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def at_s(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock."""
    now_s = [0.0]
    monkeypatch.setattr(unanswered.time, "monotonic", lambda: now_s[0])

    def at_s(seconds: float) -> None:
        now_s[0] = seconds

    return at_s


def interrupted(board: VirtualBoard) -> str:
    """What mpremote runs there, once it has stopped the program with Ctrl-C."""
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", board.usb_path, "exec", "print(6 * 7)"],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_loop_asked_thirty_times_is_still_stopped_by_mpremote(
    world: World, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    board = world.board("busy", main="while True:\n    pass\n")
    for _ in range(10):
        main(["devices"])
        main(["doctor", "usb:auto"])
        main(["describe", "usb:auto", "--timeout", "0.2"])
    said = " ".join(capsys.readouterr().out.split())
    assert UNREAD in said and "The board does not read what it is asked" in said
    assert interrupted(board) == "42\n"
    os.utime(board.usb_path, (0, time.time() + 9))  # the system tells of writes every 8 s
    main(["devices"])
    assert "prompt" in capsys.readouterr().out


def test_a_loop_asked_often_is_still_stopped_by_install(
    world: World, quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.board("busy", main="while True:\n    pass\n")
    for _ in range(10):
        main(["devices"])
        main(["doctor", "usb:auto"])
        main(["describe", "usb:auto", "--timeout", "0.2"])
    program = tmp_path / "program.py"
    program.write_text(STUCK)
    assert main(["install", "usb:auto", "--main", str(program)]) == 0, capsys.readouterr()
    with connect("usb:auto") as board:  # it is asked again
        assert board.name == "stuck"


def test_a_loop_that_prints_is_no_more_asked_than_a_silent_one(world: World, quick: None) -> None:
    board = world.board(
        "busy", main="import time\nwhile True:\n    print('on')\n    time.sleep_ms(5)\n"
    )
    for _ in range(3):
        with pytest.raises(CannotConnect):
            connect("usb:auto", timeout_s=2)
    assert interrupted(board) == "42\n"


@pytest.mark.parametrize(
    "command", [["stats", "usb:auto"], ["call", "usb:auto", "compute"], ["watch", "usb:auto", "t"]]
)
def test_a_node_whose_program_computes_for_ever_is_stopped(
    world: World, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    board = world.board("stuck", main=STUCK, libs=compile_all(["usb", "stats", "describe"]))
    board.wait_ready()
    with connect("usb:auto") as node, pytest.raises(PicolinkError):
        node.call("compute", timeout_s=2)
    for _ in range(6):
        assert main([*command, "--timeout", "0.3"]) > 2, capsys.readouterr()
    assert interrupted(board) == "42\n"


def test_a_board_that_was_busy_is_asked_again_once_it_answers(world: World, quick: None) -> None:
    source = "from machine import Pin\nwhile not Pin(0).value(): pass\n"
    board = world.board("late", main=source + STUCK, libs=compile_all(["usb", "stats", "describe"]))
    for _ in range(8):
        with pytest.raises(CannotConnect):
            connect("usb:auto", timeout_s=0.2)
    board.pin(0).set(1)
    with connect("usb:auto", timeout_s=10) as node:
        assert node.name == "stuck"


def test_what_another_program_asked_counts_until_the_board_answers(pty: str) -> None:
    first = Unanswered(pty)
    while first.may_ask(HELLO_BYTES):
        first.written(HELLO_BYTES)
        first.heard_text()
    first.note()
    second = Unanswered(pty)
    assert second.count == first.count and not second.may_ask(HELLO_BYTES)
    assert second.kept_back
    second.answered()
    assert second.may_ask(HELLO_BYTES)
    assert Unanswered(pty).count == 0


def test_a_note_is_void_where_another_program_wrote(pty: str) -> None:
    first = Unanswered(pty)
    first.written(MOST_BYTES)
    first.note()
    os.utime(pty, (0, time.time() + 9))
    assert Unanswered(pty).count == 0


def test_a_note_is_void_at_a_board_that_was_plugged_in_anew(tmp_path: Path, pty: str) -> None:
    port = tmp_path / "port"
    port.touch()
    first = Unanswered(str(port))
    first.written(MOST_BYTES)
    first.note()
    assert Unanswered(str(port)).count == MOST_BYTES
    port.rename(tmp_path / "old")  # so that the new one has another number
    port.touch()
    os.utime(port, (0, 0))
    assert Unanswered(str(port)).count == 0


def test_a_note_is_void_where_the_prompt_was_reached(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = world.board("busy", main="while True:\n    pass\n")
    later_s = time.time() + 3600  # so that it is not void because the port was written to
    asked = Unanswered(board.usb_path)
    asked.written(400)
    with monkeypatch.context() as patch:
        patch.setattr(unanswered.time, "time", lambda: later_s)
        asked.note()
    assert Unanswered(board.usb_path).count == 400
    at = Repl(Port(board.usb_path))
    at.enter()
    at.close()
    assert Unanswered(board.usb_path).count == 0


def test_what_is_asked_for_hours_leaves_room(pty: str, at_s: Callable[[float], None]) -> None:
    asked = Unanswered(pty)
    sizes = []
    for tenths in range(36000):
        at_s(1 + tenths / 10)
        if asked.may_ask(HELLO_BYTES):
            asked.written(HELLO_BYTES)
            sizes.append(HELLO_BYTES)
        if not tenths % 150:  # it counts as lost, and is opened anew
            asked.note()
            asked = Unanswered(pty)
        if tenths % 20 == 15 and asked.may_probe(6):
            asked.written(6)
            sizes.append(6)
    assert len(sizes) > 3 and sum(sizes) <= MOST_WITH_PROBE_BYTES < BOARD_TAKES_BYTES - 128


def test_a_node_that_stops_answering_is_sent_the_rest_once_it_answers(
    pty: str, at_s: Callable[[float], None]
) -> None:
    at_s(1)
    link = host.UsbLink(os.open(pty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK), pty, "usb:p")
    written: list[bytes] = []

    def write(data: bytes) -> int:
        written.append(data)
        link._unanswered.written(len(data))
        return len(data)

    link._write = write  # type: ignore[method-assign]
    link._heard([b"\x48..."])
    link.send(b"x" * 2000)  # at once what a node is sent goes, as much as there is
    link.send(b"y" * 2000)
    assert len(written) == 2
    at_s(2)
    link.send(b"z" * 30)
    link.send(b"\x48" * 70)  # a hello comes again by itself
    assert len(written) == 2
    link._heard([b"\x80 an acknowledgement"])
    assert len(written) == 3 and b"z" * 30 in written[2] and b"\x48" not in written[2]
    link.send(b"x")
    assert len(written) == 4
    link.close()
