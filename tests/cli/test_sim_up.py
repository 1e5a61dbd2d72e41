"""`picolink sim up`: what is wrong with files that it is given, and Ctrl-C at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from uf2_files import block

from picolink.cli.commands.sim import packed_lib
from picolink.cli.main import main
from picosim import World

HELLO = 'from picolink import Node\nnode = Node("greenhouse")\nnode.run("usb")\n'


@pytest.fixture(autouse=True)
def own_announcements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards of a test are announced to that test alone."""
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs `picolink sim up ARGUMENTS`, which has to fail; what it says."""

    def refused(*arguments: object, code: int = 2) -> str:
        assert main(["sim", "up", *map(str, arguments)]) == code
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("picolink: ") and told.err.count("\n") == 1
        return told.err

    return refused


def uf2(path: Path, blocks: int) -> Path:
    """A firmware that is cut off where it has not two blocks."""
    text = b"MicroPython v1.28.0 on 2026-04-01; Raspberry Pi Pico"
    path.write_bytes(b"".join(block(text, number, 2) for number in range(blocks)))
    return path


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_firmware_that_is_none_is_told_in_one_line(
    refused: Callable[..., str], tmp_path: Path, json: list[str]
) -> None:
    hello = tmp_path / "hello.py"
    hello.write_text(HELLO)
    file = tmp_path / "firmware.uf2"
    for blocks, says in ((0, "is empty"), (1, "is damaged (it is cut off")):
        said = refused("--firmware", uf2(file, blocks), hello, *json)
        assert said.startswith(f"picolink: {file} {says}") and "download" in said
        assert "world.toml" not in said and "greenhouse" not in said
    assert "a folder" in refused("--firmware", tmp_path, hello, *json)
    assert "a device" in refused("--firmware", "/dev/null", hello, *json)
    assert "there is no file" in refused("--firmware", tmp_path / "none.uf2", *json)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[board.a]\nfirmware = "firmware.uf2"\n', "[board.a]: "),
        ('[board.a]\nmain = "none.py"\n', "none.py: No such file"),
        ("[board.a]\nclesius = 20\n", "'clesius', which means nothing"),
        ("[board.a\n", "not TOML"),
        ("\xff", "not TOML: it is not text"),
        ("board = 3\n", "write [board.NAME]"),
        ("board.a = 3\n", "[board.a] is 3"),
        ("[[board]]\n", "write [board.NAME]"),
        ("[board.a]\nmain = 3\n", "main = 3: it has to be a text"),
        ("[board.a]\nfiles = {a = 3}\n", "a table of texts"),
        ('[board.a]\nlib = "x"\n', "a list of texts"),
        ('[board.a]\nheap_bytes = "x"\n', "a whole number"),
        ('[board.a]\nstart = "no"\n', "true or false"),
        ('[wire]\nfrom = "a.GP1"\n', "write [[wire]]"),
        ('[board.a]\nstart = false\n[[wire]]\nfrom = "a.GP99"\nto = "a.GP2"\n', "no pin 'GP99'"),
        ('[[uart]]\nfrom = "pty"\nto = "pty"\n', "both ends are serial ports"),
        ("bluetooth = 3\n", "[bluetooth] is 3"),
        ("[[access_point]]\nssid = 3\n", "ssid = 3: it has to be a text"),
        ("[[i2c]]\nboards = 3\n", "boards = 3"),
        ("[[i2c]]\nbaudrate = 3\n", "say host = N too"),
    ],
)
def test_a_world_that_is_none_is_told_in_one_line(
    refused: Callable[..., str], tmp_path: Path, text: str, says: str
) -> None:
    uf2(tmp_path / "firmware.uf2", 1)
    (tmp_path / "world.toml").write_text(text, "latin-1")
    said = refused(tmp_path / "world.toml", "--json")
    assert said.startswith(f"picolink: {tmp_path}/world.toml: ") and says in said


def test_sim_up_says_where_firmware_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "up", "--firmware", str(tmp_path / "none.uf2")]) == 2
    assert "micropython.org/download/RPI_PICO_W" in capsys.readouterr().err
    (tmp_path / "world.toml").write_text("")
    path = uf2(tmp_path / "firmware.uf2", 2)
    assert main(["sim", "up", str(tmp_path / "world.toml"), "--firmware", str(path)]) == 2
    assert 'firmware = "FILE.uf2"' in capsys.readouterr().err


def test_a_program_that_is_none_is_told_in_one_line(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "folder.py").mkdir()
    assert "folder.py is a folder, not a file: name board" in refused(tmp_path / "folder.py")
    (tmp_path / "data.py").write_bytes(b"\xff\xfe\0")
    assert "data.py is no program: it is not text" in refused(tmp_path / "data.py")
    (tmp_path / "text.txt").write_text("")
    assert "name board programs (.py)" in refused(tmp_path / "text.txt")


def test_a_board_that_fails_is_told_in_one_line(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "big.bin").write_bytes(os.urandom(900_000))
    (tmp_path / "world.toml").write_text('[board.a]\nfiles = {"big" = "big.bin"}\n')
    assert "don't fit" in refused(tmp_path / "world.toml", code=1)


def test_no_interpreter_is_told_in_one_line(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICOLINK_MICROPYTHON", "/no/such/micropython")
    assert "no MicroPython found" in refused(code=1)


def test_ctrl_c_while_the_command_line_is_loaded_ends_it_quietly() -> None:
    """At each of the modules that it imports first."""
    code = """
import sys
from picolink.cli.main import main
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.exit(main(["sim", "up"]))
"""
    for module in (
        "picolink.cli.command_line.parser",
        "picolink.core.errors",
        "picolink.links.host.virtual",
        "picolink.cli.commands.sim",
        "picosim.world",
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, module],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (130, "", ""), module


def test_ctrl_c_while_boards_start_ends_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from picosim import World

    worlds: list[World] = []

    def never(world: World, name: str, **_: object) -> None:
        worlds.append(world)
        signal.raise_signal(signal.SIGINT)
        assert threading.Event().wait(0)

    monkeypatch.setattr(World, "board", never)
    before = signal.getsignal(signal.SIGINT)
    assert main(["sim", "up"]) == 130
    assert tuple(capsys.readouterr()) == ("", "")
    assert not worlds[0].directory.exists()
    assert signal.getsignal(signal.SIGINT) == before


def test_a_board_of_it_has_room_to_install(tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(HELLO.replace('"usb"', '"usb:", "tcp-listen:"').replace("green", "glass"))
    with World() as world:
        board = world.board("greenhouse", main=HELLO, lib=[packed_lib(tmp_path / "lib")])
        at = f"usb:{board.usb_path}"
        assert main(["install", at, "--main", str(program), "--no-start"]) == 0
