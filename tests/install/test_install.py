"""`picolink install` and `uninstall` at virtual boards, from the command line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from install.files import read, tree

import picolink as api
from picolink.install import program, repl
from picolink.links.usb.discover import Port
from picolink.net.zone import Zone
from picolink.packing import compile_all
from picosim import World

Run = Callable[..., "tuple[int, str, str]"]

NODE = """\
from picolink import Node
node = Node()
@node.command
def hello():
    return "hello from " + node.name
node.run()
"""


def test_from_the_bag_to_the_first_call_is_one_command(
    world: World, start: Callable[..., subprocess.Popen[str]], picolink: Run
) -> None:
    board = world.board("fresh")
    with start("install", "usb:auto") as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.startswith("installed. pico-") and "commands: led_set" in out
    assert picolink("call", "usb:auto", "led_set", "on") == (0, "on\n", "")
    board.pin("LED").wait(1)
    assert read(board, "/main.py") == program.template()


def test_a_second_run_copies_nothing(world: World, picolink: Run) -> None:
    board = world.board("fresh")
    first = json.loads(picolink("install", "usb:auto", "--name", "shed", "--json")[1])
    assert first["copied"] and first["written"] and first["answered"]["name"] == "shed"
    before = tree(board)
    second = json.loads(picolink("install", "usb:auto", "--json")[1])
    assert (second["copied"], second["removed"], second["written"]) == ([], [], [])
    assert second["answered"]["name"] == "shed" and second["unchanged"] == len(first["copied"])
    _, out, err = picolink("install", "usb:auto")
    assert "nothing to do: all is there already" in out, err
    assert tree(board) == before


def test_the_users_program_stays_and_runs(world: World, picolink: Run, tmp_path: Path) -> None:
    board = world.board("fresh", main=NODE, files={"data.csv": "1,2\n"})
    code, out, err = picolink("install", "usb:auto", "--name", "cellar")
    assert code == 0 and "cellar answers" in out, err
    assert picolink("call", "usb:auto", "hello")[1] == "hello from cellar\n"
    assert read(board, "/main.py") == NODE.encode()
    other = tmp_path / "other.py"
    other.write_text(NODE.replace("hello from", "hi of"))
    assert picolink("install", "usb:auto", "--main", str(other))[0] == 0
    assert picolink("call", "usb:auto", "hello")[1] == "hi of cellar\n"
    assert read(board, "/data.csv") == b"1,2\n"


SENSOR = """\
from picolink import Node
node = Node("garden")
@node.reading("warmth")
def warmth():
    return 21
node.deliver_and_sleep("tcp:127.0.0.1:9")
"""


def test_a_program_that_sleeps_gets_what_that_takes(
    world: World, picolink: Run, tmp_path: Path
) -> None:
    board = world.board("fresh")
    main = tmp_path / "sensor.py"
    main.write_text(SENSOR)
    done = json.loads(picolink("install", "usb:auto", "--main", str(main), "--json")[1])
    assert "/lib/picolink/node/features/deep_sleep/__init__.mpy" in done["copied"]
    assert done["answered"]["name"] == "garden"  # on USB power it is awake
    assert "stays awake" in board.log_text() and "services/deliver.mpy" not in str(done["copied"])
    assert program.says(b"@node.on_delivery\ndef f(name, reading): pass") == ["deliver"]
    assert program.says(b"node.run()") == []


def test_the_boards_file_is_merged(world: World, picolink: Run, tmp_path: Path) -> None:
    there = {"name": "old", "colour": "green", "links": ["usb:", "tcp-listen::9000"]}
    board = world.board("fresh", files={"picolink.json": json.dumps(there)})
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    arguments = ["--wifi", "my network", "--wifi-password-file", str(secret)]
    code, out, err = picolink("install", "usb:auto", *arguments, "--json")
    assert code == 0, err
    assert json.loads(out)["wifi"] == ["my network"] and "correct horse" not in out + err
    told = json.loads(read(board, "/picolink.json"))
    merged = there | {"wifi": ["my network", "correct horse"], "zone": told["zone"]}
    assert told == merged
    Zone(told["zone"])
    code, out, err = picolink(
        "install",
        "usb:auto",
        "--wifi",
        "other",
        "--links",
        "tcp",
        PICOLINK_WIFI_PASSWORD="eightfour",
    )
    assert code == 0 and "opens no link on USB" in err
    assert json.loads(read(board, "/picolink.json")) == merged | {
        "wifi": ["other", "eightfour"], "links": ["tcp-listen::9000"],
    }  # fmt: skip
    assert picolink("install", "usb:auto", "--wifi", "my network")[0] == 2
    short = picolink("install", "usb:auto", "--wifi", "x", PICOLINK_WIFI_PASSWORD="short")
    assert short[0] == 2 and "8 to 63" in short[2]


def test_a_board_with_a_broken_file_says_so_once_and_comes_up(world: World, picolink: Run) -> None:
    board = world.board("fresh", main=NODE)
    assert picolink("install", "usb:auto")[0] == 0
    with_repl(board, "f = open('/picolink.json', 'w'); f.write('{'); f.close()")
    with api.connect("usb:auto", start=True) as connected:
        assert re.fullmatch("pico-[0-9a-f]{4}", connected.name)
    said = board.log_text().rpartition("soft reboot")[2]
    assert said.count("picolink: /picolink.json: it is no JSON, so the name is pico-") == 1
    assert said.count("/picolink.json: it is no JSON, so the link is usb:") == 1
    assert "Traceback" not in said


def test_only_what_the_links_need_is_copied(world: World, picolink: Run) -> None:
    board = world.board("fresh")
    assert picolink("install", "usb:auto", "--links", "usb")[0] == 0
    assert not [path for path in tree(board) if "links/tcp" in path]
    added = json.loads(picolink("install", "usb:auto", "--links", "usb,tcp", "--json")[1])
    assert "/lib/picolink/links/tcp/board.mpy" in added["copied"]
    assert all("/links/" in path or path.endswith("/install.json") for path in added["copied"])
    removed = json.loads(picolink("install", "usb:auto", "--links", "usb", "--json")[1])
    assert removed["removed"] and all("/links/" in path for path in removed["removed"])
    assert not [path for path in tree(board) if "links/tcp" in path]


def test_a_board_without_a_network_gets_usb_only(
    world: World, picolink: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repl.Repl, "run", without_socket(repl.Repl.run))
    world.board("fresh", main=NODE)
    assert json.loads(picolink("install", "usb:auto", "--json")[1])["links"] == ["usb:"]


def without_socket(run: Callable[..., str]) -> Callable[..., str]:
    """As the firmware of a Pico without Wi-Fi answers."""
    return lambda at, source: run(at, source.replace("import socket", "import no_such_module"))


def test_a_link_that_the_program_dials_comes_along(world: World, picolink: Run) -> None:
    dials = NODE.replace("node = Node()", "node = Node()\nlamp = node.peer('tcp:127.0.0.1:9')")
    board = world.board("fresh", main=dials)
    assert picolink("install", "usb:auto", "--links", "usb")[0] == 0
    assert [path for path in tree(board) if "links/tcp" in path]


def test_the_network_that_is_noted_is_joined(world: World, picolink: Run) -> None:
    world.access_point("lab", "eightfour")
    board = world.board("fresh")
    code, _, err = picolink(
        "install", "usb:auto", "--wifi", "lab", PICOLINK_WIFI_PASSWORD="eightfour"
    )
    assert code == 0, err
    board.radio.wait_joined()
    assert picolink("call", "tcp:" + board.address, "led_set", "on") == (0, "on\n", "")


def test_a_program_with_wifi_gets_what_that_needs(world: World, picolink: Run) -> None:
    world.access_point("lab", "password")
    board = world.board("fresh", main=NODE.replace("Node()", "Node(wifi=('lab', 'password'))"))
    assert picolink("install", "usb:auto", "--links", "usb")[0] == 0
    board.radio.wait_joined()


def test_an_older_library_is_replaced_and_its_files_go(world: World, picolink: Run) -> None:
    old = compile_all(["usb", "describe"], joined=False)
    board = world.board("fresh", main=NODE, libs=old | {"other/thing.py": b"x = 1\n"})
    board.wait_ready()
    code, _, err = picolink("install", "usb:auto")
    assert code == 0, err
    paths = tree(board)
    assert "/lib/picolink/core/session.mpy" not in paths, "left of the older one"
    assert "/lib/other/thing.py" in paths
    assert not [path for path in paths if ".new" in path or ".old" in path or ".part" in path]


def test_an_answer_of_which_a_line_is_lost_is_asked_for_again(
    world: World, picolink: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board throws away what a computer that is busy does not take."""
    world.board("fresh", main=NODE)
    assert picolink("install", "usb:auto", "--name", "shed")[0] == 0
    run, lost, often = repl.Repl.run, [], 1

    def lossy(at: repl.Repl, source: str) -> str:
        said = run(at, source)
        lines = said.splitlines(keepends=True)
        if "_pl_look" in source and "def " not in source and len(lines) > 9 and len(lost) < often:
            lost.append(lines.pop(7))
            return "".join(lines) if len(lost) < 3 else ""
        return said

    monkeypatch.setattr(repl.Repl, "run", lossy)
    done = json.loads(picolink("install", "usb:auto", "--json")[1])
    assert lost and not done["copied"] and not done["written"]
    often = 100
    code, _, err = picolink("install", "usb:auto")
    assert code == 3 and "too busy to take its answers" in err


def test_a_damaged_library_file_is_found_by_its_hash(world: World, picolink: Run) -> None:
    board = world.board("fresh", main=NODE)
    assert picolink("install", "usb:auto")[0] == 0
    before = tree(board)
    with_repl(
        board, "f = open('/lib/picolink/node/client/peer.mpy', 'r+b'); f.write(b'X'); f.close()"
    )
    done = json.loads(picolink("install", "usb:auto", "--json")[1])
    assert done["copied"] == ["/lib/picolink/node/client/peer.mpy"]
    assert tree(board) == before


def with_repl(board: object, source: str) -> None:
    at = repl.Repl(Port(board.usb_path))  # type: ignore[attr-defined]
    try:
        at.enter()
        at.prepare()
        at.run(source)
    finally:
        at.restart()


def test_dry_run_writes_nothing_and_the_program_goes_on(world: World, picolink: Run) -> None:
    board = world.board("fresh", main="import time\nprint('started')\nwhile True: time.sleep(1)")
    board.wait_ready()
    before = tree(board)
    code, out, err = picolink("install", "usb:auto", "--dry-run")
    assert code == 0 and "nothing was written" in out
    assert "would be copied" in err and "/picolink.json: would be written" in err
    assert "picolink" not in str(tree(board)) and tree(board) == before


@pytest.mark.parametrize(
    "main",
    [
        pytest.param(None, id="prompt"),
        pytest.param("while True:\n    pass\n", id="busy loop"),
        pytest.param(
            "import time\nwhile True:\n    print('x' * 60); time.sleep_ms(2)\n", id="chatty"
        ),
        pytest.param("1/0\n", id="traceback"),
        pytest.param("def f(:\n", id="syntax error"),
        pytest.param(
            "import time\nfor i in range(2):\n    try:\n        time.sleep(60)\n"
            "    except KeyboardInterrupt:\n        pass\ntime.sleep(60)\n",
            id="catches Ctrl-C twice",
        ),
    ],
)
def test_whatever_runs_there_is_stopped(
    world: World, picolink: Run, main: str | None, tmp_path: Path
) -> None:
    board = world.board("fresh", main=main)
    board.wait_ready()
    (tmp_path / "main.py").write_text(NODE)
    code, out, err = picolink("install", "usb:auto", "--main", str(tmp_path / "main.py"))
    assert code == 0 and "answers on usb:" in out, err


def test_from_the_raw_repl_and_beside_a_running_node(world: World, picolink: Run) -> None:
    board = world.board("fresh", main=NODE)
    assert picolink("install", "usb:auto", "--name", "a")[0] == 0
    assert picolink("install", "usb:auto", "--name", "b")[0] == 0  # the node runs
    assert picolink("call", "usb:auto", "hello")[1] == "hello from b\n"
    with open(board.usb_path, "wb", buffering=0) as port:
        port.write(b"\r\x03\x03\r\x01")
        board.wait_printed("raw REPL")
    assert picolink("install", "usb:auto", "--name", "c")[0] == 0
    assert picolink("call", "usb:auto", "hello")[1] == "hello from c\n"


def test_boot_that_never_ends_is_interrupted(
    world: World, picolink: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repl, "_BOOT_S", 1.0)
    board = world.board("fresh", files={"boot.py": "while True:\n    pass\n"})
    assert picolink("install", "usb:auto", "--no-start")[0] == 0
    with_repl(board, "from picolink import Node")


KNOWS_TIME = NODE.replace(
    "node.run()",
    """
@node.command
def clock():
    return [node.time.known, node.time.quality, node.time.utc(), node.time.local()]
node.run()
""",
)


def test_the_time_of_an_installed_board_is_set_and_known_to_its_program(
    world: World, picolink: Run
) -> None:
    board = world.board("fresh", main=KNOWS_TIME)
    assert picolink("install", "usb:auto", "--name", "shed")[0] == 0
    code, out, err = picolink("time", "usb:auto", "--set", "--zone", "America/New_York")
    assert (code, err) == (0, "") and out.splitlines()[0].endswith("(as here)")
    with api.connect("usb:auto") as node:
        known, quality, utc, local = node.call("clock")
    assert (known, quality) == (True, "peer"), board.log_text()
    assert len(utc) == len(local) == 6 and (utc[3] - local[3]) % 24 in (4, 5)


def test_no_start_leaves_the_prompt(world: World, picolink: Run) -> None:
    world.board("fresh")
    code, out, err = picolink("install", "usb:auto", "--no-start", "--json")
    assert code == 0 and json.loads(out)["answered"] is None
    assert "prompt (>>>) answers" in picolink("describe", "usb:auto", "--timeout", "3")[2]
    with api.connect("usb:auto", start=True) as board:
        assert board.call("led_set") in ("on", "off")


def test_a_link_that_does_not_open_is_told_of(world: World, picolink: Run) -> None:
    world.board("fresh")
    code, out, err = picolink("install", "usb:auto", "--links", "usb,uart:7")
    assert code == 0 and "not open: uart:7: a board has uart:0 and uart:1" in out, out + err
    assert "files of" in err and "to be copied" in err and "/main.py: to be written" in err


def test_a_program_without_picolink_is_kept_and_told_of(world: World, picolink: Run) -> None:
    board = world.board("fresh", main="import time\nwhile True: time.sleep_ms(100)\n")
    code, out, err = picolink("install", "usb:auto", "--timeout", "4")
    assert code == 0 and "does not use picolink" in err and "installed on" in out
    assert "time.sleep_ms" in read(board, "/main.py").decode()


def test_uninstall_leaves_what_is_the_users(world: World, picolink: Run) -> None:
    board = world.board("fresh", main=NODE, files={"data.csv": "1"})
    before = set(tree(board))
    assert picolink("install", "usb:auto")[0] == 0
    told = json.loads(picolink("uninstall", "usb:auto", "--dry-run", "--json")[1])
    assert "/lib/picolink" in told["removed"] and "/lib/picolink/__init__.mpy" in tree(board)
    code, out, _ = picolink("uninstall", "usb:auto")
    assert code == 0 and "kept /main.py, /picolink.json" in out
    assert set(tree(board)) == before | {"/picolink.json"}
    assert "picolink is not on it" in picolink("uninstall", "usb:auto")[1]
    assert picolink("uninstall", "usb:auto", "--all")[0] == 0
    assert set(tree(board)) == {"/data.csv"}


def test_uninstall_takes_the_program_that_install_wrote(world: World, picolink: Run) -> None:
    board = world.board("fresh")
    assert picolink("install", "usb:auto")[0] == 0
    assert picolink("uninstall", "usb:auto")[0] == 0
    assert set(tree(board)) == {"/picolink.json"}
