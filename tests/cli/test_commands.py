"""The commands against a virtual board: what they print, and how they end."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from picosim import VirtualBoard, World

Run = Callable[..., "tuple[int, str, str]"]


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["led_set", "on"], "on\n"),
        (["led_set", "--json", "state=off"], '"off"\n'),
        (["echo", "-5"], "-5\n"),
        (["echo", "1", "true", "null", "on", '"7"'], '[1, true, null, "on", "7"]\n'),
        (["echo", '{"a": [1.5]}'], '{"a": [1.5]}\n'),
        (["echo", "x", "key=2"], '[["x"], {"key": 2}]\n'),
        (["echo", "NaN"], "NaN\n"),
        (["say", "hello"], ""),
        (["count", "3"], "0\n1\n2\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_call(board: VirtualBoard, picolink: Run, arguments: list[str], printed: str) -> None:
    assert picolink("call", "usb:shed", *arguments) == (0, printed, "")


def test_call_over_tcp_and_by_bare_name(board: VirtualBoard, picolink: Run) -> None:
    assert picolink("call", board.address, "led_set", "on") == (0, "on\n", "")
    assert picolink("call", "shed", "led_set") == (0, "on\n", "")
    board.pin("LED").wait(1)


def test_bytes_go_from_a_file_and_come_back(
    board: VirtualBoard, picolink: Run, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    data = bytes(range(256)) * 5
    (tmp_path / "data.bin").write_bytes(data)
    arguments = ("call", "usb:shed", "echo", f"@{tmp_path}/data.bin")
    with start(*arguments) as process:
        assert process.stdout is not None
        out = process.stdout.buffer.read()  # type: ignore[attr-defined]
    assert out == data
    assert json.loads(picolink(*arguments, "--json")[1])["base64"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ["call", "usb:shed", "led_sett"],
            1,
            "shed has no command 'led_sett': did you mean led_set?",
        ),
        (["call", "usb:shed", "level"], 1, "level is a reading of shed, no command"),
        (["call", "usb:shed", "led_set", "purple"], 2, "usage: led_set state=on|off|?"),
        (["call", "usb:shed", "fail"], 1, "KeyError"),
        (["call", "usb:shed", "slow", "--timeout", "0.3"], 4, "it may be done"),
        (["call", "usb:shed", "echo", "@/no/such"], 2, "can't read the file '/no/such'"),
        (["call", "usb:shed", "echo", "a=1", "a=2"], 2, "a= is given twice"),
        (["read", "usb:shed", "levle"], 1, "did you mean level?"),
        (["watch", "usb:shed", "levle"], 1, "did you mean level?"),
        (["call", "ubs:auto", "x"], 2, "no link has the scheme 'ubs'"),
        (["call", "usb:nobody", "x"], 3, "no board named 'nobody' on USB"),
        (["call", "nobody", "x"], 3, "no board named 'nobody'"),
        (["call", "/dev/ttyNONE", "x"], 3, "there is no port /dev/ttyNONE"),
        (["call", "tcp:127.0.0.1:1", "x"], 3, "nothing listens on port 1"),
        (["call", "tcp:localhost:port", "x"], 2, "the port 'port'"),
        (["sim", "up", "no-such.toml"], 2, "there is no file no-such.toml"),
        (["call", "tcp-listen::0", "x"], 2, "To reach a node use tcp:"),
        (["selftest", "tcp:127.0.0.1"], 2, "which is on USB"),
        (["selftest"], 2, "give the address of a board on USB"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors_are_one_line_with_an_exit_code(
    board: VirtualBoard, picolink: Run, arguments: list[str], code: int, says: str
) -> None:
    ended, out, err = picolink(*arguments)
    assert says in err and err.startswith("picolink: ") and err.count("\n") == 1
    assert (ended, out) == (code, "")


def test_the_traceback_of_the_board_is_shown_when_asked_for(
    board: VirtualBoard, picolink: Run
) -> None:
    code, _, err = picolink("call", "usb:shed", "fail", "--traceback")
    assert code == 1
    assert "Traceback" in err and err.rstrip().endswith("KeyError: nothing")


def test_describe_stats_and_links(board: VirtualBoard, picolink: Run) -> None:
    text = picolink("describe", "usb:shed").out  # type: ignore[attr-defined]
    assert "led_set state=on|off|?" in text and "Of the water" in text
    told = json.loads(picolink("describe", "usb:shed", "--json")[1])
    assert told["name"] == "shed" and told["readings"]["level"]["unit"] == "cm"
    stats = json.loads(picolink("stats", "usb:shed", "--json")[1])
    assert stats["damaged"] == 0 and stats["sessions"][0]["state"] == "attached"
    assert "free memory, bytes" in picolink("stats", "usb:shed")[1]
    links = json.loads(picolink("links", "--json")[1])
    assert {"usb", "tcp", "tcp-listen"} <= set(links)
    assert "5263" in picolink("links")[1]


def test_read_one_and_all(board: VirtualBoard, picolink: Run) -> None:
    assert picolink("read", "usb:shed", "level")[1].endswith(" cm\n")
    _, out, _ = picolink("read", "usb:shed")
    assert sorted(line.split()[0] for line in out.splitlines()) == ["broken", "level"]
    assert "no value (nan)" in out
    reading = json.loads(picolink("read", "usb:shed", "level", "--json")[1])
    assert reading["unit"] == "cm" and reading["name"] == "level"


def test_watch_gives_lines_where_there_is_no_terminal(board: VirtualBoard, picolink: Run) -> None:
    code, out, err = picolink("watch", "usb:shed", "level", "--count", "5")
    assert (code, err) == (0, "")
    values = [int(line.split()[1]) for line in out.splitlines()]
    assert [(b - a) % 7 for a, b in itertools.pairwise(values)] == [1] * 4
    _, out, _ = picolink("watch", "usb:shed", "level", "--seconds", "0.3", "--json")
    numbers = [json.loads(line)["seq"] for line in out.splitlines()]
    assert len(numbers) > 5 and numbers == list(range(len(numbers)))


def test_log_over_usb_and_tcp(
    board: VirtualBoard, start: Callable[..., subprocess.Popen[str]], picolink: Run
) -> None:
    assert picolink("call", "usb:shed", "led_set")[0] == 0  # takes what the board said at its start
    with start("log", "usb:shed", "--count", "1") as log:
        try:
            wait_for_session(board, picolink)
            assert picolink("call", board.address, "say", "over usb")[0] == 0
            assert log.communicate(timeout=10)[0] == "over usb\n"
        finally:
            log.kill()
    with start("log", board.address, "--json", "--count", "1") as log:
        try:
            wait_for_session(board, picolink, subscriptions=1)
            assert picolink("call", "usb:shed", "say", "over tcp")[0] == 0
            assert json.loads(log.communicate(timeout=10)[0])["line"] == "over tcp"
        finally:
            log.kill()


def wait_for_session(board: VirtualBoard, picolink: Run, subscriptions: int = 0) -> None:
    """Until somebody else is attached too, and has subscribed: the board tells of it over TCP."""
    for _ in range(40):
        sessions = json.loads(picolink("stats", board.address, "--json")[1])["sessions"]
        attached = [session for session in sessions if session["state"] == "attached"]
        if len(attached) > 1 and sum(s["subscriptions"] for s in attached) >= subscriptions:
            return
    raise TimeoutError("nobody else came")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_cleanly(
    board: VirtualBoard, start: Callable[..., subprocess.Popen[str]], number: int, picolink: Run
) -> None:
    with start("watch", "usb:shed", "level") as watch:
        assert watch.stdout is not None and watch.stdout.readline()
        watch.send_signal(number)
        _, err = watch.communicate(timeout=10)
    assert (watch.returncode, err) == (130, "")
    assert picolink("call", "usb:shed", "led_set")[0] == 0  # the port is free again


def test_a_reader_that_ends_is_no_error(
    board: VirtualBoard, start: Callable[..., subprocess.Popen[str]]
) -> None:
    with start("watch", "usb:shed", "level") as watch:
        assert watch.stdout is not None and watch.stdout.readline()
        watch.stdout.close()
        assert watch.stderr is not None
        assert watch.stderr.read() == ""
        assert watch.wait(10) == 0


def test_devices_tells_what_is_there(world: World, board: VirtualBoard, picolink: Run) -> None:
    prompt = world.board("bare")
    prompt.wait_state("repl")
    try:
        rows = {row["path"]: row for row in json.loads(picolink("devices", "--json")[1])}
        assert rows[board.usb_path]["state"] == "node" and rows[board.usb_path]["name"] == "shed"
        assert rows[board.usb_path]["address"] == "usb:shed" and rows[board.usb_path]["virtual"]
        assert rows[prompt.usb_path]["state"] == "prompt"
        assert "connect(..., start=True)" in rows[prompt.usb_path]["advice"]
        assert "usb:shed" in picolink("devices", "--quick")[1]
        code, _, err = picolink("call", "usb:auto", "x")
        assert (code == 2 and "usb:shed or usb:bare" in err) or "usb:bare or usb:shed" in err
    finally:
        prompt.kill()


def test_selftest_and_compare(world: World, picolink: Run, tmp_path: Path) -> None:
    victim = world.board("victim", main="from machine import Pin\nwhile True: Pin(1, 1).on()\n")
    victim.pin(1).wait(1)
    report = tmp_path / "a.json"
    try:
        code, _, err = picolink("selftest", victim.usb_path, "-o", str(report), timeout_s=60)
        assert (code, err) == (0, "")
        victim.pin(1).wait(1)  # its main.py runs again
    finally:
        victim.kill()
    found = json.loads(report.read_text())
    assert found["readinto_blocks"]["read"] == 10
    assert 80 <= found["readinto_blocks"]["blocked_ms"] < 300
    assert found["input_waits"] == {"whole": True}
    assert found["poll_counts"]["any"] is False and found["poll_counts"]["events"] == 1
    # A busy kernel hides for a moment what a pty holds: a block or two more than the 320.
    assert found["stalled_write"]["taken_bytes"] in (320, 384, 448)
    assert 480 <= found["stalled_write"]["stall_ms"] < 900
    assert 10 <= found["timer_in_busy_loop"]["ticks_in_300_ms"] <= 31
    assert found["irq_in_busy_loop"]["edges"] == 1
    assert found["crc"] == {"value": 0xCBF43926, "continues": 0xCBF43926}
    assert found["resets"]["ctrl_c"] == "KeyboardInterrupt"
    assert found["resets"]["soft_reset_keeps_names"] is False
    assert all(isinstance(us, (int, float)) for us in found["speed"].values())
    assert picolink("selftest", "--compare", str(report), str(report))[1] == "no difference\n"
    found["crc"]["value"] = 1
    found["speed"]["crc32_256_bytes"] *= 50
    other = tmp_path / "b.json"
    other.write_text(json.dumps(found))
    _, out, _ = picolink("selftest", "--compare", str(report), str(other))
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["crc.value", "speed.crc32_256_bytes"]
    assert lines[2].endswith("x 50")
    (tmp_path / "c.json").write_text("{}")
    code, _, err = picolink("selftest", "--compare", str(report), str(tmp_path / "c.json"))
    assert code == 2 and "no report of this version" in err


@pytest.mark.parametrize("file", ["main.py", "world.toml"])
def test_sim_up_runs_a_program_as_a_board_named_after_its_node(
    start: Callable[..., subprocess.Popen[str]], picolink: Run, tmp_path: Path, file: str
) -> None:
    text = (Path(__file__).parent / "board_program.py").read_text()
    (tmp_path / "main.py").write_text(text.replace('"shed"', '"barn"'))
    (tmp_path / "world.toml").write_text('[board.barn]\nmain = "main.py"\n')
    with start("sim", "up", str(tmp_path / file), "--json") as up:
        try:
            assert up.stdout is not None
            about = json.loads(up.stdout.readline())
            assert about["name"] == "barn"
            assert picolink("call", "usb:barn", "led_set", "on")[:2] == (0, "on\n")
        finally:
            up.send_signal(signal.SIGINT)
        assert up.wait(20) == 130
    assert not os.path.exists(about["usb_path"])
