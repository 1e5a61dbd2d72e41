"""What the USB port does besides carrying frames: hosts that die or stop reading, terminals,
mpremote, prints, typed lines. On the real interpreter with a port that behaves as on rp2."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED, count, random_for
from terminal import Terminal

import picolink
from picolink.packing import compile_all
from picosim import VirtualBoard, World

CPYTHON_ONLY = "virtual boards"

PROGRAM = """
import asyncio, time
from picolink import Node

node = Node("bench")
ran = [0]
gaps = []

def counted(function):
    def run(*args):
        ran[0] += 1
        return function(*args)
    return run

@node.command(state="on|off")
def led_set(state):
    ran[0] += 1
    return state

@node.command
def nothing():
    ran[0] += 1

@node.command
def add(a, b):
    ran[0] += 1
    return {"sum": a + b}

@node.command
def fails():
    ran[0] += 1
    raise ValueError("no sensor")

@node.command
def say(n):
    for i in range(n):
        print("line", i)
    return n

@node.command
def count_ran():
    return ran[0]

@node.command
def long_gaps():
    return gaps

@node.command
async def watch(ms):
    # Looks on for so long, then tells of every pause that this board's tasks had to make.
    await asyncio.sleep_ms(ms)
    return gaps

async def main():
    last = time.ticks_ms()
    while True:
        await asyncio.sleep_ms(10)
        now = time.ticks_ms()
        if time.ticks_diff(now, last) > 150:  # the link gives up after 160; less is a busy machine
            gaps.append(time.ticks_diff(now, last))
        last = now
        for i in range(10):
            node.publish("flood", "x" * 200)

node.run("usb:", "tcp-listen::5263", main())
"""

STOPPED_READER = """
import sys, threading, picolink
board = picolink.connect(sys.argv[1])
some = threading.Event()
board.subscribe("flood", lambda reading: some.set())
assert some.wait(5)
print("reading", flush=True)
threading.Event().wait(60)
"""

ENDLESS = """
from picolink.links.usb.board import UsbLink

class Endless:
    left = 20_000  # so that the test ends though nobody should read so much

    def poll(self, wait_ms):
        return self.left > 0

    def readinto(self, buffer):
        buffer[:] = b"x" * len(buffer)
        self.left -= len(buffer)

link = UsbLink()
link._poll = link._in = Endless()
link.on_text = lambda text: print("taken:", len(text))
link.receive()
"""

COPIED = """
import io, os
from picolink.links import ctrl_c

class Silent(io.IOBase):
    looked = 0

    def write(self, data):
        return len(data)

    def readinto(self, buffer):
        self.looked += 1

    def ioctl(self, request, arg):
        return 0

copy = Silent()
os.dupterm(copy)
console = ctrl_c._console = Silent()  # no interrupt comes, perhaps before the end of:
ctrl_c.ctrl_c(None)
print("the same is there:", os.dupterm(None) is copy, console.looked)
"""

KILLED_READER = STOPPED_READER.replace("threading.Event().wait(60)", "board.call('watch', 60000)")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=SEED) as world:
        yield world


@pytest.fixture
def board(world: World) -> Iterator[VirtualBoard]:
    name = f"board{len(world.boards)}"
    libs = compile_all(["usb", "tcp"])
    board = world.board(name, main=PROGRAM, libs=libs, heap_bytes=2_000_000)
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"listening on tcp-listen:")
    yield board
    board.kill()


@pytest.fixture
def observer(board: VirtualBoard) -> Iterator[picolink.Board]:
    """A host on the board's other link."""
    with picolink.connect(f"tcp:{board.address}", timeout_s=8) as observer:
        yield observer


def python(source: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments], env=environment, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def the_one_gap_ms(observer: picolink.Board) -> int:
    """How long the board was held up; waits until it was, and until a second passed without.

    A busy machine makes pauses of its own, so one more does not blame the link; a link that holds
    the board up again and again never has its second.
    """
    deadline = time.monotonic() + 5
    while not (gaps := observer.call("long_gaps")):
        assert time.monotonic() < deadline, "the board was never held up"
    for _ in range(3):
        before, gaps = gaps, observer.call("watch", 1000)
        if len(gaps) == len(before):
            return int(gaps[0])
    raise AssertionError(f"held up again and again: {gaps} ms")


def works(board: VirtualBoard) -> None:
    """USB serves the next host."""
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        assert host.call("add", 1, 2) == {"sum": 3}


class Typist(Terminal):
    """Types lines and reads what is answered."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.ask(b"nothing\r", b"ok")

    def ask(self, typed: bytes, answer: bytes) -> None:
        self.send(typed)
        assert self.expect(b"\r\n").removesuffix(b"\r\n").endswith(answer)


# Hosts that die or stop reading


def test_a_host_that_dies_in_mid_frame_holds_others_up_once(
    board: VirtualBoard, observer: picolink.Board
) -> None:
    with Terminal(board.usb_path) as dying:
        dying.send(b"\x00\x8c\x90half a frame")
    assert the_one_gap_ms(observer) <= 250
    works(board)
    assert observer.call("count_ran") == 1


def test_a_host_that_stops_reading_holds_others_up_once(
    board: VirtualBoard, observer: picolink.Board
) -> None:
    reader = python(STOPPED_READER, board.usb_path)
    assert reader.stdout is not None
    try:
        assert reader.stdout.readline() == "reading\n"
        assert observer.call("long_gaps") == []
        reader.send_signal(signal.SIGSTOP)
        assert the_one_gap_ms(observer) <= 250
    finally:
        reader.kill()
        reader.communicate()
    works(board)


def test_a_host_that_stopped_reading_goes_on(board: VirtualBoard, observer: picolink.Board) -> None:
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        feed = host.subscribe("flood")
        first = next(feed)
        with host._client.host.lock:  # nobody drives the link: nothing is read
            the_one_gap_ms(observer)
        deadline = time.monotonic() + 10
        while (reading := next(feed)).missed == 0:
            assert time.monotonic() < deadline
        assert reading.seq > first.seq
        assert host.call("add", 1, 2) == {"sum": 3}


@pytest.mark.parametrize(
    "left",
    [
        b"led_set o",
        b"\x00",
        b"\x00\x90",
        b"\x00\x8c\x90led_set on\r",
        b"\x00\x90\x90led_set on\r",
        b"\x1b",
        b"a\r\x00\xbf\xffb",
    ],
    ids=[
        "a line",
        "a zero",
        "half a length",
        "a frame's head",
        "a head too long",
        "an escape",
        "the longest frame",
    ],
)
def test_what_an_earlier_opener_left_confuses_nobody(board: VirtualBoard, left: bytes) -> None:
    for _ in range(2):
        with Terminal(board.usb_path) as earlier:
            earlier.send(left)
        with picolink.connect(board.usb_path, timeout_s=8) as host:
            before = host.call("count_ran")
            works_ms = time.monotonic()
            assert host.call("add", 1, 2) == {"sum": 3}
            assert time.monotonic() - works_ms < 1
            assert host.call("count_ran") == before + 1
            assert before in (0, 1)  # led_set never ran


def test_answers_to_a_killed_host_confuse_nobody(board: VirtualBoard) -> None:
    for _ in range(3):
        reader = python(KILLED_READER, board.usb_path)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        reader.kill()
        reader.communicate()
        works(board)


# Terminals and tools


def test_ctrl_c_in_a_terminal_gives_the_prompt(board: VirtualBoard) -> None:
    with Typist(board.usb_path) as terminal:
        terminal.send(b"\x03")
        assert b"KeyboardInterrupt" in terminal.expect(b">>> ")
        terminal.send(b"print(node.name)\r")
        terminal.expect(b"bench\r\n")


def mpremote(board: VirtualBoard, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", board.usb_path, *arguments],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mpremote_works_where_a_node_runs(board: VirtualBoard, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("print('ran', 6 * 7)\n")
    for round in range(2):
        assert mpremote(board, "exec", f"x = {round}; print('here')") == "here\n"
        assert mpremote(board, "resume", "exec", "print(x)") == f"{round}\n"
        assert mpremote(board, "run", str(program)) == "ran 42\n"
        assert "main.py" in mpremote(board, "ls")
        with picolink.connect(board.usb_path, start=True, timeout_s=8) as host:
            assert host.call("add", 1, 2) == {"sum": 3}


def test_start_restarts_a_running_node(board: VirtualBoard) -> None:
    works(board)
    with picolink.connect(board.usb_path, start=True, timeout_s=8) as host:
        assert host.call("count_ran") == 0


def test_large_frames_come_whole(board: VirtualBoard) -> None:
    """Around the size that the board puts together in its buffer, and up to the largest."""
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        for size in (*range(2460, 2530, 2), 3584, 3990, 9000):
            data = bytes(i * 7 & 0xFF for i in range(size))
            assert host.call("add", data, b"") == {"sum": data}
        link = host._client._driver.link  # type: ignore[union-attr]
        assert link._decoder.damaged == 0  # type: ignore[attr-defined]


def test_prints_arrive_as_log_lines(board: VirtualBoard) -> None:
    lines: list[str] = []
    all_there = threading.Event()

    def on_log(line: str) -> None:
        if line.startswith("line "):
            lines.append(line)
        if line == "line 99" and len(lines) >= 300:
            all_there.set()

    with picolink.connect(board.usb_path, on_log=on_log, timeout_s=8) as host:
        feed = host.subscribe("flood")
        for _ in range(3):
            assert host.call("say", 100) == 100
            next(feed)
        assert all_there.wait(5)
    assert lines == [f"line {i}" for i in range(100)] * 3


# Typed lines


def test_typed_lines_are_answered(board: VirtualBoard) -> None:
    with Typist(board.usb_path) as terminal:
        for end in (b"\r", b"\n", b"\r\n"):
            terminal.ask(b"led_set on" + end, b"on")
            terminal.ask(b"led_set   off  " + end, b"off")
            terminal.ask(b"nothing" + end, b"ok")
            terminal.ask(b"add 1 2.5" + end, b'{"sum":3.5}')
            terminal.ask(b'add "a b"' + end, b"")  # an error; its wording is below


def test_typed_errors_begin_with_an_exclamation_mark(board: VirtualBoard) -> None:
    with Typist(board.usb_path) as terminal:
        for typed, words in {
            b"fails": b"ValueError: no sensor",
            b"lamp on": b"there are: ",
            b"led_set red": b"on|off",
            b"led_set": b"TypeError",
            b"add 1": b"TypeError",
        }.items():
            terminal.send(typed + b"\r")
            answer = terminal.expect(b"\r\n")
            assert answer.startswith(b"! "), answer
            assert words in answer


def test_what_is_no_clean_line_is_never_run(board: VirtualBoard, observer: picolink.Board) -> None:
    with Typist(board.usb_path) as terminal:
        for bad in (
            b"!led_set on", b" ! led_set on", b"led_set on\x07", b"\x7fled_set on",
            b"led_set\ton", b"led_set on\xc3\xa9", b"\x80led_set on", b"led_set " + b"on" * 200,
        ):  # fmt: skip
            terminal.send(bad + b"\r")
        terminal.ask(b"nothing\r", b"ok")  # comes after all of them were looked at
    assert observer.call("count_ran") == 2


def test_lines_are_not_run_while_a_session_has_the_link(board: VirtualBoard) -> None:
    with Typist(board.usb_path) as terminal:
        with picolink.connect(board.usb_path, timeout_s=8) as host:
            assert host.call("add", 1, 2) == {"sum": 3}
            terminal.send(b"led_set on\r")
            for _ in range(20):
                assert host.call("count_ran") == 2
        # The session is over, and once the board knows, the link is free for typing again.
        deadline = time.monotonic() + 5
        while not terminal.read_some(0.1).endswith(b"on\r\n"):
            assert time.monotonic() < deadline
            terminal.send(b"\rled_set on\r")


def test_noise_runs_nothing(board: VirtualBoard, observer: picolink.Board) -> None:
    random = random_for("noise")
    commands = [b"led_set on", b"nothing", b"fails", b"add 1 2"]
    with Terminal(board.usb_path) as terminal:
        left = count(1_000_000)
        while left > 0:
            # 0x03 is Ctrl-C, which is meant to stop the program
            noise = random.bytes(random.below(300)).replace(b"\x03", b"\x02")
            if random.chance(0.2):
                noise += b"\x00" + bytes((0x80 | random.below(16), 0x80 | random.below(128)))
                noise += random.choice(commands)  # what follows a head is no line
            terminal.send(noise)
            left -= len(noise)
            terminal.read_some(0)
    assert observer.call("count_ran", timeout_s=30) == 0
    works(board)


def test_input_that_never_ends_leaves_other_tasks_their_turn(world: World) -> None:
    board = world.board("endless", main=ENDLESS, libs=compile_all(["usb"]))
    assert int(board.wait_printed("taken:")) < 4000


def test_a_stream_that_the_console_is_copied_to_stays(world: World) -> None:
    board = world.board("copied", main=COPIED, libs=compile_all(["usb"]))
    assert board.wait_printed("the same is there:").split() == ["True", "1"]
