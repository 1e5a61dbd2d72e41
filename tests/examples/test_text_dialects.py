"""The examples of text dialects: plain scripts, without picolink, against virtual boards."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from terminal import Terminal

import picolink
from picolink.packing import compile_all
from picosim import UartWire, VirtualBoard, World

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PICOLINK_SIM_DIR", str(tmp_path_factory.mktemp("announced")))
        with World(seed=1) as world:
            yield world


def board(world: World, name: str, main: Path | str, *groups: str) -> VirtualBoard:
    """A board that runs `main`, once all its links are open."""
    board = world.board(name, main=main, libs=compile_all(groups))
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"listening on usb:")
    return board


def python(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """A script, run without picolink on its path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=30, **options,
    )  # fmt: skip


def scripts() -> list[Path]:
    return [EXAMPLES / "tcp-text" / name for name in ("switch.py", "report.py")] + [
        EXAMPLES / "uart-text" / "plain.py"
    ]


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.name)
def test_plain_scripts_know_nothing_of_picolink(script: Path) -> None:
    imports = re.findall(r"^(?:import|from) (\w+)", script.read_text("utf-8"), re.M)
    assert imports and "picolink" not in imports


# TCP


@pytest.fixture(scope="module")
def lamp(world: World) -> VirtualBoard:
    return board(world, "lamp", EXAMPLES / "tcp-text/main.py", "usb", "tcp", "log", "describe")


def switch(lamp: VirtualBoard, command: str) -> str:
    done = python(EXAMPLES / "tcp-text/switch.py", lamp.address, command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_connection_a_command(lamp: VirtualBoard) -> None:
    assert switch(lamp, "on") == ""
    lamp.pin("LED").wait(1)
    assert switch(lamp, "?") == "on\n"
    assert switch(lamp, "off") == ""
    lamp.pin("LED").wait(0)
    assert switch(lamp, "?") == "off\n"


def ask(address: tuple[str, int], *pieces: bytes) -> bytes:
    """All that is answered to `pieces`, until the other side closes."""
    with socket.create_connection(address, 5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while data := connection.recv(100):
            answer += data
        return answer


def test_only_the_question_is_answered_and_the_board_closes(lamp: VirtualBoard) -> None:
    address = (lamp.address, 8080)
    assert ask(address, b"on\n") == b""
    assert ask(address, b"?", b"\n") == b"on\n"
    assert ask(address, b"o", b"f", b"f\r", b"\n") == b""
    assert ask(address, b"?\r\n") == b"off\n"
    assert ask(address, b"On\n") == b""
    assert ask(address, b"?\n") == b"off\n"


def test_a_wrong_command_is_on_the_log(lamp: VirtualBoard) -> None:
    said: list[str] = []
    came = threading.Event()

    def on_log(reading: picolink.Reading) -> None:
        said.append(reading.value)
        if "disco" in reading.value:
            came.set()

    with picolink.connect(f"tcp:{lamp.address}") as host:
        host.subscribe("sys.log", on_log)
        host.call("last_report")  # the subscription, which was sent before, is there
        ask((lamp.address, 8080), b"disco\n")
        assert came.wait(5), said
    line = re.compile(r'lamp: "disco" on tcp:127\.[\d.:]+ is unknown; known are: [onf?, ]+')
    assert [text for text in said if "disco" in text and line.fullmatch(text)]
    assert "disco" in lamp.log_text()


def test_reports_without_line_ends_on_one_connection(lamp: VirtualBoard) -> None:
    with socket.create_connection((lamp.address, 5263), 5) as connection:
        for report in (b"t=21.5", b"x" * 512, b"{}", b"t=21.5", b"r" * 511):
            connection.sendall(report)
            assert connection.recv(100) == b"Success: %d bytes" % len(report)
    reports = "".join(f"t={number}\n" for number in range(20))
    done = python(EXAMPLES / "tcp-text/report.py", lamp.address, input=reports)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Success") == 20
    with picolink.connect(f"tcp:{lamp.address}") as host:
        assert host.call("last_report") == "t=19"


def test_a_server_that_closes_after_each_report(world: World) -> None:
    main = (EXAMPLES / "tcp-text/main.py").read_text("utf-8")
    main = main.replace('reply="")', 'reply="", close=True)')
    assert main.count("close=True") == 2
    closing = board(world, "closing", main, "usb", "tcp")
    reports = "".join(f"t={number}\n" for number in range(20))
    done = python(EXAMPLES / "tcp-text/report.py", closing.address, input=reports)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Success") == 20
    assert ask((closing.address, 5263), b"once") == b"Success: 4 bytes"
    closing.kill()


def test_framed_and_plain_peers_share_a_port(lamp: VirtualBoard) -> None:
    """Two framed hosts and three plain clients at once, on two ports."""
    failures: list[object] = []

    def framed() -> None:
        with picolink.connect(f"tcp:{lamp.address}", timeout_s=8) as host:
            for _ in range(100):
                if not str(host.call("last_report")).startswith(("t=", "x", "r", "once")):
                    failures.append("framed")

    def plain(n: int) -> None:
        with socket.create_connection((lamp.address, 5263), 5) as connection:
            for i in range(100):
                report = b"t=%d/%d" % (n, i)
                connection.sendall(report)
                if connection.recv(100) != b"Success: %d bytes" % len(report):
                    failures.append(report)

    def switching() -> None:
        for _ in range(30):
            if ask((lamp.address, 8080), b"?\n") != b"off\n":
                failures.append("switch")

    with socket.create_connection((lamp.address, 5263), 5) as connection:
        connection.sendall(b"t=0")
        connection.recv(100)
    jobs = [framed, framed, lambda: plain(1), lambda: plain(2), switching]
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert failures == []


def test_a_peer_that_never_ends_its_line_takes_no_memory(lamp: VirtualBoard) -> None:
    with socket.create_connection((lamp.address, 8080), 5) as connection:
        for _ in range(500):
            connection.sendall(b"on on on " * 200)
        connection.sendall(b"\n")
        connection.settimeout(5)
        with connection.makefile("rb") as answer:
            assert answer.read() == b""  # not run, and closed: it was one text
    assert ask((lamp.address, 8080), b"?\n") == b"off\n"


def test_a_dialect_on_a_link_that_is_not_open_is_told(world: World) -> None:
    main = (EXAMPLES / "tcp-text/main.py").read_text("utf-8")
    deaf = board(world, "deaf", main.replace("run(SWITCH, ", "run("), "usb", "tcp")
    with picolink.connect(deaf.usb_path):
        assert "lamp: no text on tcp-listen::8080: that link is not open" in deaf.log_text()
        assert "no text on tcp-listen::5263" not in deaf.log_text()
    deaf.kill()


# UART


@pytest.fixture(scope="module")
def wire(world: World) -> UartWire:
    """The wires between the host and a board with the example's program."""
    lamp = board(world, "uart-lamp", EXAMPLES / "uart-text/main.py", "usb", "uart")
    return world.uart(lamp.uart(0))


def plain(wire: UartWire, state: str) -> str:
    done = python(EXAMPLES / "uart-text/plain.py", wire.path, state)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_script_with_pyserial_switches_the_lamp(world: World, wire: UartWire) -> None:
    lamp = world.boards["uart-lamp"]
    for state, level in (("on", 1), ("off", 0), ("on", 1), ("off", 0)):
        assert plain(wire, state) == state + "\n"
        lamp.pin("LED").wait(level)


def test_halves_and_joined_lines_on_the_wire(world: World, wire: UartWire) -> None:
    with serial.Serial(wire.path, 115200, timeout=0.5) as port:
        port.write(b"led_")
        assert port.read(20) == b""  # half a second of silence: half a command is none
        port.write(b"on\r")
        assert port.read(4) == b"on\r\n"
        port.write(b"led_off\rled_on\r\nled_off\n")
        assert port.read(14) == b"off\r\non\r\noff\r\n"
        assert port.read(20) == b""  # and nothing more: at most what was asked for


def test_wrong_commands_on_the_wire_are_on_the_log_only(world: World, wire: UartWire) -> None:
    lamp = world.boards["uart-lamp"]
    with serial.Serial(wire.path, 115200, timeout=0.5) as port:
        port.write(b"led_onn\r")
        port.write(b"!led_on\r\xffled_on\r")
        assert port.read(20) == b""
        assert '"led_onn" on uart:0' in lamp.log_text()
        assert "is unknown; known are: led_" in lamp.log_text()
        assert lamp.pin("LED").value == 0
        port.write(b"led_on\r")
        assert port.read(20) == b"on\r\n"
    assert plain(wire, "off") == "off\n"


def test_framed_and_plain_peers_take_turns_on_the_wire(wire: UartWire) -> None:
    for _ in range(2):
        with picolink.connect(f"uart:{wire.path}") as host:
            assert host.name == "lamp"
        assert plain(wire, "on") == "on\n"
        assert plain(wire, "off") == "off\n"


# USB


def mpremote(board: VirtualBoard, *arguments: object) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", board.usb_path, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mpremote_on_a_board_with_a_node(world: World) -> None:
    folder = EXAMPLES / "usb-script"
    lamp = board(world, "script", folder / "main.py", "usb")
    with picolink.connect(lamp.usb_path) as host:
        assert host.call("led_set", "on") == "on"
    assert mpremote(lamp, "exec", "print(6 * 7)") == "42\n"
    assert mpremote(lamp, "run", folder / "demo.py") == "off\n"
    assert lamp.pin("LED").value == 0
    assert mpremote(lamp, "resume", "exec", "turn_on()") == "on\n"
    lamp.pin("LED").wait(1)
    assert mpremote(lamp, "resume", "exec", "turn_off()") == "off\n"
    with picolink.connect(lamp.usb_path, start=True) as host:
        assert host.call("led_set", "?") == "off"
