"""`picolink doctor` names what is wrong, says what to do, and leaves everything as it was."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack

import pytest
from brokers import free_port
from cli.conftest import Done
from terminal import Terminal

import picolink
from picolink.cli.commands.doctor import examine
from picolink.core import textstream
from picolink.core.errors import BadAddress
from picolink.core.lengths import Decoder, encode
from picolink.core.packets import HELLO_FORMAT, REFUSED, hello_packets
from picolink.links.host import diagnosis as findings
from picolink.links.host.diagnosis import Step
from picolink.links.usb import doctor as usb_doctor
from picolink.links.usb import identify as r
from picolink.packing import board_texts, compile_all, compile_source
from picosim import VirtualBoard, World

Run = Callable[..., Done]


def fault(address: str, kind: str | tuple[str, ...], *words: str) -> list[Step]:
    """The steps at an address, of which the last one fails in this way (or one of these) and says
    these words."""
    steps = list(examine(address))
    last = steps[-1]
    assert not last.ok and last.kind in ((kind,) if isinstance(kind, str) else kind), steps
    for word in words:
        assert word in f"{last.why} {last.advice}", last
    assert last.why and last.advice, last
    for text in (last.why, last.advice):
        assert text.endswith((".", "!")) and "\n" not in text, last
    return steps


def well(address: str) -> list[Step]:
    """The steps at an address where nothing is wrong."""
    steps = list(examine(address))
    assert steps and all(step.ok for step in steps), steps
    return steps


# What is well


def test_a_node_on_usb_and_tcp_in_words_and_json(board: VirtualBoard, picolink: Run) -> None:
    for address in (board.usb_path, f"tcp:{board.address}"):
        done = picolink("doctor", address)
        assert done.code == 0 and "FAILED" not in done.out, done
        assert "a picolink node answers: shed" in done.out and "a call comes back" in done.out
        assert "the firmware is new enough: MicroPython 1." in done.out
        (told,) = [
            json.loads(line) for line in picolink("doctor", address, "--json").out.splitlines()
        ]
        assert told["ok"] and told["address"] == address
        assert all(step["ok"] for step in told["steps"])
        assert findings.NODE in [step["kind"] for step in told["steps"]]


def test_without_an_address_all_boards(board: VirtualBoard, picolink: Run) -> None:
    done = picolink("doctor", timeout_s=40)
    assert done.out.splitlines()[0] == f"usb:{board.usb_path}"
    assert "a picolink node answers: shed" in done.out


def test_a_greeting_leaves_no_session(board: VirtualBoard) -> None:
    """More examinations than the board holds sessions; a user's session is not disturbed."""
    with picolink.connect(f"tcp:{board.address}") as host:
        for _ in range(6):
            step = next(
                step for step in usb_doctor.examine(board.usb_path, {}) if step.kind == "node"
            )
            assert step.ok
            assert host.call("echo", 1) == 1
        assert len(host.stats()["sessions"]) <= 2


def test_help_has_an_example(picolink: Run) -> None:
    done = picolink("doctor", "--help")
    assert "picolink doctor usb:auto" in done.out and "example" in done.out


# USB: each state of the port


def busy(world: World, name: str, main: str) -> VirtualBoard:
    return world.board(f"{name}{len(world.boards)}", main=main)


def test_a_prompt(world: World) -> None:
    board = busy(world, "prompt", "")
    board.wait_state("repl")
    fault(board.usb_path, r.PROMPT, "no main.py", "Ctrl-D")
    with Terminal(board.usb_path) as terminal:  # the line is empty: nothing of ours is left there
        terminal.send(b"6*7\r")
        terminal.expect(b"\n42\r\n>>> ")
    board.kill()


def test_the_raw_repl_stays(world: World) -> None:
    board = busy(world, "raw", "")
    board.wait_state("repl")
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b">>> ")
        terminal.send(b"\x01")
        terminal.expect(b"raw REPL; CTRL-B to exit\r\n>")
    fault(board.usb_path, r.RAW_REPL, "mpremote or Thonny")
    with Terminal(board.usb_path) as terminal:
        terminal.send(b"print(6*7)\x04")
        terminal.expect(b"OK42\r\n\x04\x04>")
    board.kill()


def test_a_traceback_at_start(world: World) -> None:
    board = busy(world, "broken", "def f():\n    return 1/0\nf()\n")
    board.wait_state("repl")
    fault(board.usb_path, r.TRACEBACK, "ZeroDivisionError", "main.py line 2")
    board.kill()


PRINTS = "import time\nn = 0\nwhile True:\n    n += 1\n    print('t', n)\n    time.sleep_ms(20)\n"


def test_a_program_without_a_node_goes_on(world: World) -> None:
    board = busy(world, "prints", PRINTS)
    board.wait_state("main")
    fault(board.usb_path, r.PROGRAM, 'it prints "t ', "node.run")
    with Terminal(board.usb_path) as terminal:
        first = int(terminal.expect(b"\r\nt ") and terminal.expect(b"\r").strip())
        terminal.expect(b"t %d\r" % (first + 5))
    board.kill()


def test_a_silent_program_goes_on(world: World) -> None:
    board = busy(world, "silent", "import time\nwhile True:\n    time.sleep_ms(5)\n")
    board.wait_state("main")
    fault(board.usb_path, r.SILENT, "loop without node.run() or node.poll()")
    assert board.state == "main" and "KeyboardInterrupt" not in board.log_text()
    board.kill()


def test_links_and_brokers_that_a_node_has_not(world: World) -> None:
    links = ["usb:", "uart:7", "i2c-target:0/0x99", f"mqtt://127.0.0.1:{free_port()}/lab"]
    main = f"from picolink import Node\nNode('lab').run(*{links})\n"
    board = world.board(
        "lab", main=main, libs=compile_all(["usb", "uart", "i2c", "mqtt", "describe"])
    )
    with picolink.connect(board.usb_path) as lab:
        while "no broker answers" not in str(lab.describe()["not_open"]):  # it is dialing
            pass
    steps = [step for step in examine(board.usb_path) if not step.ok]
    assert [step.kind for step in steps] == ["link not open"] * 3
    assert steps[0].why == "A board has uart:0 and uart:1."
    assert "0x08 to 0x77" in steps[1].why and all(step.advice for step in steps)
    assert "mqtt://127.0.0.1" in steps[2].what and "No broker answers" in steps[2].why


def test_a_port_that_another_program_holds(world: World) -> None:
    board = busy(world, "held", PRINTS)
    board.wait_state("main")
    fd = os.open(board.usb_path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        fault(board.usb_path, r.HELD, "This program", "close it first")
    finally:
        os.close(fd)
    board.kill()


def test_no_permission(board: VirtualBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def forbidden(file: str, *more: int) -> int:
        if file == board.usb_path:
            raise PermissionError(13, "Permission denied", file)
        return real(file, *more)

    monkeypatch.setattr(os, "open", forbidden)
    fault(board.usb_path, "no permission", "belongs to the group", "sudo")


def test_no_such_port() -> None:
    fault("/dev/ttyACM77", "no port", "no port /dev/ttyACM77")
    fault("usb:/dev/null", "port fails", "no serial port")


def test_no_such_board(board: VirtualBoard) -> None:
    fault("usb:nobody", "no such board", "'nobody'", "shed", "picolink devices")
    fault("nobody", "no such board", "'nobody'", "tcp:HOST")


# Without a board


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is plugged in; returns where the devices on the bus would be."""
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    monkeypatch.setattr(usb_doctor, "ports", list)
    monkeypatch.setattr("picolink.links.usb.discover.real_ports", list)
    monkeypatch.setattr(usb_doctor, "USB_DEVICES", tmp_path)
    monkeypatch.setattr(usb_doctor, "boot_drives", lambda: [])
    return tmp_path


def test_a_charge_only_cable(empty: Path) -> None:
    fault("usb:auto", "nothing enumerates", "only charges", "BOOTSEL", "RPI-RP2")
    assert findings.around() == []


def test_nothing_at_all_without_an_address(empty: Path, picolink: Run) -> None:
    done = picolink("doctor", "--json")
    if not findings.around():  # this machine has no board either
        told = json.loads(done.out)
        assert done.code == 1 and told["steps"][-1]["kind"] == "nothing enumerates"


def test_a_pico_that_offers_no_serial_port(empty: Path) -> None:
    for name, vendor, product, called in (
        ("1-1", "2e8a", "000a", "Pico"), ("1-2", "8087", "0024", "hub"),
        ("1-3", "2e8a", "0003", "RP2 Boot"),
    ):  # fmt: skip
        (empty / name).mkdir()
        (empty / name / "idVendor").write_text(vendor + "\n")
        (empty / name / "idProduct").write_text(product + "\n")
        (empty / name / "product").write_text(called + "\n")
    (empty / "1-1:1.0").mkdir()  # an interface
    steps = fault("usb:auto", "no serial port", "(Pico)", "not MicroPython", ".uf2")
    assert len(steps) == 1
    assert findings.around() == ["usb:auto"]


def test_a_boot_drive(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb_doctor, "boot_drives", lambda: ["1-1"])
    fault("usb:auto", r.BOOT_DRIVE, "BOOTSEL was held", ".uf2")


# USB: what no virtual board can be


class Pretender:
    """A serial port at which a script answers: `answers` maps what is heard to what is said."""

    def __init__(self, answers: dict[bytes, bytes], at_rest: bytes = b"") -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        self._answers = answers
        os.write(self.master, at_rest)
        self._end, self._told = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            ready = select.select([self.master, self._end], [], [])[0]
            if self._end in ready:
                return
            heard = os.read(self.master, 4096)
            for word, answer in self._answers.items():
                if word in heard:
                    os.write(self.master, answer)

    def close(self) -> None:
        os.write(self._told, b"x")
        self._thread.join()
        for fd in (self.master, self._slave, self._end, self._told):
            os.close(fd)


@contextlib.contextmanager
def pretender(answers: dict[bytes, bytes], at_rest: bytes = b"") -> Iterator[str]:
    port = Pretender(answers, at_rest)
    try:
        yield "usb:" + port.path
    finally:
        port.close()


CIRCUIT = b"\r\nAdafruit CircuitPython 9.2.4 on 2026-01-29; Raspberry Pi Pico W with rp2040\r\n>>> "
OLD = b"\r\nMicroPython v1.19.1 on 2022-06-18; Raspberry Pi Pico W with RP2040\r\n>>> "


def test_circuitpython() -> None:
    with pretender({b"\x02": CIRCUIT}) as address:
        fault(address, r.CIRCUITPYTHON, "CircuitPython 9.2.4, not MicroPython", "RPI_PICO_W")


def test_firmware_too_old_at_a_prompt() -> None:
    with pretender({b"\x02": OLD}, at_rest=OLD) as address:
        steps = fault(address, r.PROMPT)
    old = steps[-2]
    assert not old.ok and old.kind == "firmware too old"
    assert "v1.19.1" in old.why and "1.22 or newer" in old.why and ".uf2" in old.advice


def test_firmware_too_old_under_a_node(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "OLDEST", (9, 0))
    fault(board.usb_path, "firmware too old", "picolink needs 9.0 or newer")


def test_a_node_that_does_not_answer() -> None:
    frame = textstream.encode(b"\x80 an old packet, whole")
    with pretender({}, at_rest=b"t 21\r\n" + frame) as address:
        fault(address, r.DEAF_NODE, "busy in a command that blocks")


def test_a_port_that_goes_away() -> None:
    port = Pretender({})
    steps: list[Step] = []
    unplug = threading.Timer(0.4, port.close)
    unplug.start()
    try:
        steps = list(examine("usb:" + port.path))
    finally:
        unplug.join()
    assert steps[-1].kind == "port lost" and "unplugged" in steps[-1].why


def test_another_version_of_the_protocol(world: World) -> None:
    libs = compile_all(["usb"], joined=False)
    text = board_texts(["usb"])["picolink.core.packets"]
    assert text.count("VERSION = 1\n") == 1
    text = text.replace("VERSION = 1\n", "VERSION = 2\n")
    libs["picolink/core/packets.mpy"] = compile_source(text, "picolink/core/packets.py")
    board = world.board(
        "newer", main="from picolink import Node\nNode('newer').run('usb:')\n", libs=libs,
        heap_bytes=800_000,
    )  # fmt: skip
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"listening on usb:")
    fault(board.usb_path, "other protocol version", "version 2", "version 1", "picolink install")
    board.kill()


# TCP


def server(answer: Callable[[socket.socket], object]) -> int:
    """A TCP server of one connection; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with contextlib.suppress(OSError), listener, listener.accept()[0] as connection:
            connection.settimeout(20)
            answer(connection)

    threading.Thread(target=run, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_name_that_nobody_knows() -> None:
    fault(
        "tcp:no-such-board.invalid", "name unknown", "'no-such-board.invalid'", ".local", "router"
    )


def test_a_name_that_is_known(board: VirtualBoard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    steps = fault(f"tcp:localhost:{port}", "port closed")
    assert steps[0].ok and "localhost is known: " in steps[0].what


def test_a_port_that_is_closed(board: VirtualBoard) -> None:
    fault(
        f"tcp:{board.address}:5264", "port closed",
        "nothing listens on port 5264", 'node.run("tcp-listen::5264")',
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "Nobody answers at 127.0.0.1 in 5 s"),
        (OSError(113, "No route to host"), "nobody has the address"),
        (OSError(101, "Network is unreachable"), "no way to the network"),
        (OSError(55, "odd"), "fails (odd)"),
    ],
)
def test_nobody_answers(error: OSError, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "create_connection", refuse)
    fault("tcp:127.0.0.1", "nobody answers", words, "another network", "router")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "A web server that is no picolink node answers"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", '"SSH-2.0-OpenSSH_9.2"'),
        (b"\x15\x03\x01\x00\x02\x02\x46", "A TLS server"),
        (b"\xff\xfe", "Something that is no picolink node"),
    ],
)
def test_something_else_listens(said: bytes, words: str) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(said)
        while connection.recv(4096):
            pass

    port = server(answer)
    fault(f"tcp:127.0.0.1:{port}", "something else listens", words, "5263", str(port))


def test_somebody_who_closes() -> None:
    port = server(lambda connection: connection.recv(4096))
    fault(f"tcp:127.0.0.1:{port}", "something else listens", "closed by the other side")


def test_somebody_silent() -> None:
    def hear(connection: socket.socket) -> None:
        while connection.recv(4096):
            pass

    began_s = time.monotonic()
    fault(f"tcp:127.0.0.1:{server(hear)}", "silence", "busy in a command that blocks")
    assert time.monotonic() - began_s < 8


def test_a_node_that_refuses() -> None:
    def refuse(connection: socket.socket) -> None:
        decoder = Decoder(4096)
        while data := connection.recv(65536):
            for packet in decoder.feed(data):
                body = pack(
                    HELLO_FORMAT, 1, REFUSED, packet[6:14], 77, *tag(packet), 0, 512, 512, 4096,
                    0, 0, 0, 0, 0, 0, 3,
                ) + b"uidfull has 4 sessions already"  # fmt: skip
                for piece in hello_packets(body, 512, 1):
                    connection.sendall(encode(piece))

    def tag(packet: bytes) -> tuple[int]:
        return (int.from_bytes(packet[14:18], "little"),)

    fault(f"tcp:127.0.0.1:{server(refuse)}", "refused", "4 sessions already")


# Addresses


def test_addresses_that_can_not_be_examined(picolink: Run) -> None:
    for address in ("tcp-listen::5263", "loopback:a", "foo:bar"):
        with pytest.raises(BadAddress):
            list(examine(address))
    done = picolink("doctor", "tcp:127.0.0.1:99999")
    assert done.code == 2 and "65535" in done.err and not done.out
