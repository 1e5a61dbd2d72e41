"""Worlds: from TOML, announced, for people, and gone when they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import Terminal

from picosim import InterpreterMissing, World
from picosim.base import announce
from picosim.runner import interpreter
from picosim.toml import BadWorld

TOML = """
seed = 7
[board.door]
main = "door.py"
[board.lamp]
main = "lamp.py"
celsius = 30
files = { "a/b.txt" = "door.py" }
[[wire]]
from = "door.GP3"
to = "lamp.4"
delay_ms = 1
"""


def described(tmp_path: Path, toml: str = TOML) -> Path:
    """A folder with a world in it."""
    (tmp_path / "door.py").write_text(
        "from machine import Pin\no = Pin(3, 1)\nb = Pin(15, 0, 1)\n"
        "while True: o.value(not b.value())\n"
    )
    (tmp_path / "lamp.py").write_text(
        "from machine import Pin\nled = Pin('LED', 1)\np = Pin(4)\n"
        "print(open('a/b.txt').readline())\nwhile True: led.value(p.value())\n"
    )
    path = tmp_path / "world.toml"
    path.write_text(toml)
    return path


def test_from_toml(tmp_path: Path) -> None:
    with World.from_toml(described(tmp_path)) as world:
        world.boards["door"].wait_ready()
        for _ in range(2):
            world.boards["door"].pin(15).press()
            world.boards["lamp"].pin("LED").wait(1)
            world.boards["door"].pin(15).release()
            world.boards["lamp"].pin("LED").wait(0)
        assert world.seed == 7


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "x = 1",
            "the file has 'x', which means nothing; possible are access_point, bluetooth, board, ",
        ),
        ("[board.a]\nmian = 'x'", r"\[board.a\] has 'mian'"),
        ("[board.a]\nmain = 'nowhere.py'", "No such file"),
        ("[[wire]]\nfrom = 'a.3'\nto = 'b.4'", 'write "board.pin"'),
        ("= 3", "not TOML"),
    ],
)
def test_mistakes_in_toml_are_explained(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(BadWorld, match=message):
        World.from_toml(described(tmp_path, toml))


def test_boards_are_announced_while_they_run(world: World, tmp_path: Path) -> None:
    board = world.board("greenhouse")
    (about,) = announce.announced()
    assert about["name"] == "greenhouse" and about["unique_id"] == board.unique_id.hex()
    assert about["usb_path"] == board.usb_path and about["address"] == board.address
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    announce.announce({**about, "unique_id": "00", "pid": dead.pid})
    assert announce.announced() == [about]
    board.unplug()
    assert announce.announced() == []
    board.plug()
    assert announce.announced() == [about]
    board.kill()
    assert announce.announced() == [] and not os.path.lexists(board.usb_path)


PARENT = """
import sys
from picosim import World
world = World()
board = world.board("a", main="while True: pass")
board.wait_ready()
print(board._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_world(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        supervisor = int(parent.stdout.readline())
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        assert len(children) == 1
        watched = [os.pidfd_open(supervisor), os.pidfd_open(int(children[0]))]
        parent.send_signal(how)
    for fd in watched:
        import select

        assert select.select([fd], [], [], 5)[0], "a process of the board still runs"
        os.close(fd)


def test_killing_the_supervisor_ends_the_interpreter(world: World) -> None:
    import select

    board = world.board("a", main="while True: pass")
    board.wait_ready()
    assert board._process
    pid = board._process.pid
    child = int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
    fd = os.pidfd_open(child)
    os.kill(pid, signal.SIGKILL)
    assert select.select([fd], [], [], 5)[0]
    os.close(fd)
    board.wait_state("failed")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_world_for_people(tmp_path: Path, as_json: bool) -> None:
    code = (
        "import sys; from picosim import World; from picosim.cli import run_world; "
        f"sys.exit(run_world(lambda: World.from_toml(sys.argv[1]), json={as_json}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(described(tmp_path))], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(2)]
        if as_json:
            assert [json.loads(line)["name"] for line in lines] == ["door", "lamp"]
            path = json.loads(lines[0])["usb_path"]
        else:
            assert lines[0].startswith("door ") and lines[1].startswith("lamp ")
            path = lines[0].split()[1]
        assert Path(path).exists()
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert not os.path.lexists(path)


def test_bad_names_and_arguments(world: World) -> None:
    with pytest.raises(ValueError, match="use letters, digits"):
        world.board("a/b")
    world.board("a", start=False)
    with pytest.raises(ValueError, match="named 'a' already"):
        world.board("a")
    with pytest.raises(ValueError, match=r'"rp2"'):
        world.board("b", usb="uart")
    with pytest.raises(FileNotFoundError, match="to copy to the board's /lib"):
        world.board("c", lib=["/nowhere"])
    with pytest.raises(ValueError, match="has no pin 31"):
        world.boards["a"].pin(31)


def test_a_missing_interpreter_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(interpreter.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InterpreterMissing, match=r"pip install picosim"):
        World()
    old = tmp_path / "micropython"
    old.write_text("#!/bin/sh\necho 1.19\n")
    old.chmod(0o755)
    with pytest.raises(InterpreterMissing, match=r"MicroPython 1\.19, too old"):
        World()
    old.write_text("#!/bin/sh\necho \"ImportError: no module named 'vfs'\" >&2\nexit 1\n")
    with pytest.raises(InterpreterMissing, match="no module named 'vfs'"):
        World()


def test_a_micropython_program_serves_where_there_is_no_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "micropython"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom micropython_run import run_main\n"
        "sys.exit(run_main(['micropython'] + sys.argv[1:]))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PICOLINK_MICROPYTHON", str(program))
    main = (
        "from machine import Pin, Timer\np = Pin(2, 1)\n"
        "Timer(mode=0, period=5, callback=lambda t: p.on())\n"
        "while not p.value(): pass\nprint('main')\nwhile True: pass"
    )
    with World() as world:
        board = world.board("a", main=main)
        board.pin(2).wait(1)
        with Terminal(board.usb_path) as terminal:
            terminal.expect(b"main\r\n")
            terminal.send(b"\x03\r\x01")
            terminal.expect(b"raw REPL; CTRL-B to exit\r\n>")
            terminal.send(b"\x04")
            assert (
                b"main" not in terminal.expect(b"raw REPL; CTRL-B to exit\r\n>").split(b"boot")[1]
            )
            terminal.send(b"\x02")
            terminal.expect(b">>> ")
            terminal.send(b"\x04")
            terminal.expect(b"soft reboot\r\nmain\r\n")


def test_reset_kill_and_start_again(world: World) -> None:
    board = world.board("a", main="from machine import Pin\nPin(2, 1).on()\nwhile True: pass")
    for again in (board.reset, lambda: (board.kill(), board.start())):
        board.pin(2).wait(1)
        again()
    board.pin(2).wait(1)
    assert board.state == "main"


def test_what_a_board_prints_is_waited_for(world: World) -> None:
    board = world.board(
        "b",
        main="from machine import Pin\nprint('one', 1)\nwhile not Pin(15).value(): pass\n"
        "print('two', 2)\nwhile True: pass\n",
    )
    assert board.wait_printed("one ") == "1"
    with pytest.raises(TimeoutError, match=r"b did not print 'two' within 0\.2 s(.|\n)*one 1"):
        board.wait_printed("two", timeout_s=0.2)
    board.pin(15).set(1)
    assert board.wait_printed("two ") == "2"
    assert board.wait_printed("one ") == "1"
    board.kill()
    board.pin(15).set(0)
    board.start()
    board.wait_printed("one ")
    with pytest.raises(TimeoutError):  # what it printed before it was killed does not count
        board.wait_printed("two", timeout_s=0.2)
