"""What every link must hold to: a virtual board at one end, a host at the other, real bytes in
between. Each medium subclasses `LinkContract` and says how to connect and what can go wrong."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from both import SEED, count

import picolink
from picolink.packing import compile_all
from picosim import VirtualBoard, World

PROGRAM = """
from picolink import Node
import time

node = Node("contract", max_message_bytes=120_000, wifi=WIFI)
noted = []

@node.command
def note(i):
    noted.append(i)
    return i

@node.command
def notes():
    return noted

@node.command
def echo(value):
    return value

@node.command
def big(n):
    return bytes(range(256)) * (n // 256)

@node.command(blocking_s=2)
def block(seconds):
    time.sleep(seconds)
    return "awake"

@node.stream
def numbers(n):
    for i in range(n):
        if PRINTS and i % 97 == 0:
            print("a print in between", i)
        yield i * 3

@node.command
async def collect(n):
    # This board calls the host: its numbers come here, its echo answers.
    peer = node.peer(HOST)
    got = []
    async for item in await peer.stream("numbers", n):
        got.append(item)
    return got == [i * 3 for i in range(n)], await peer.call("echo", "from the board")

node.run(*LINKS)
"""

HOST_THAT_DIES = """
import os, sys, picolink
board = picolink.connect(sys.argv[1])
board.call("note", 1)
link = board._client._driver.link
half = {"tcp": b"\\x00\\x00\\x10\\x00half"}
frame = half.get(link.address[:3], b"\\x00\\x90\\x90half a frame")
link.write(frame)
print("written", flush=True)
os.kill(os.getpid(), 9)
"""


class LinkContract:
    """Tests that hold on every link."""

    links: tuple[str, ...] = ("usb:",)
    groups = ("usb", "tcp", "uart")
    prints = False
    usb = "rp2"
    wifi: tuple[str, str] | None = None
    patience = 1
    """A slow link takes so many times as long."""
    host_setup = ""
    """What another program of this computer does before it connects."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls) -> Iterator[World]:
        with World(seed=SEED) as world:
            yield world

    @pytest.fixture
    def board(self, world: World, request: pytest.FixtureRequest) -> Iterator[VirtualBoard]:
        name = request.node.name.removeprefix("test_").replace("_", "-")[:30]
        program = (
            PROGRAM.replace("LINKS", repr(self.links))
            .replace("PRINTS", repr(self.prints))
            .replace("HOST", repr("host"))
            .replace("WIFI", repr(self.wifi))
        )
        libs = compile_all([*self.groups, "describe", "stats", "time", "log"])
        board = world.board(name, main=program, libs=libs, heap_bytes=4_000_000)
        yield board
        board.kill()

    def address(self, board: VirtualBoard) -> str:
        """How the host reaches the board."""
        raise NotImplementedError

    def cut(self, board: VirtualBoard) -> None:
        """Breaks the link, at whatever byte; it can be opened again at once or soon."""
        raise NotImplementedError

    def connect(self, board: VirtualBoard) -> picolink.Board:
        host = picolink.Node("host", max_message_bytes=1 << 20, window_bytes=1 << 16)

        @host.stream
        def numbers(n: int) -> Iterator[int]:
            yield from (i * 3 for i in range(n))

        @host.command
        def echo(value: object) -> object:
            return value

        return picolink.connect(self.address(board), node=host, timeout_s=8)

    def while_cutting(self, board: VirtualBoard, job: Callable[[], None]) -> None:
        """Does `job` while the link is cut again and again, until it was three times at least."""
        over = threading.Event()
        cuts = 0
        moments = random.Random(SEED)

        def cutting() -> None:
            nonlocal cuts
            while not over.wait((0.05 + moments.random() * 0.2) * self.patience):
                self.cut(board)
                cuts += 1

        thread = threading.Thread(target=cutting)
        thread.start()
        try:
            while cuts < 3:
                job()
        finally:
            over.set()
            thread.join()

    def test_calls_and_values(self, board: VirtualBoard) -> None:
        with self.connect(board) as host:
            for value in (None, 1, "é", b"\x00\x01\x1b\x0d", [1, b"x"], "y" * 3000, b"z" * 9000):
                assert host.call("echo", value, timeout_s=10 * self.patience) == value
            assert (
                host.call("big", 100_096, timeout_s=10 * self.patience) == bytes(range(256)) * 391
            )

    def test_streams_both_ways(self, board: VirtualBoard) -> None:
        n = count(10_000)
        with self.connect(board) as host:
            assert list(host.stream("numbers", n)) == [i * 3 for i in range(n)]
            assert host.call("collect", n, timeout_s=60 * self.patience) == [True, "from the board"]

    def test_once_and_in_order_through_cuts(self, board: VirtualBoard) -> None:
        n = count(10_000)
        noted = 0
        with self.connect(board) as host:

            def job() -> None:
                nonlocal noted
                got: list[int] = []
                stream = host.stream("numbers", n)
                for i in range(n):
                    if i % 10 == 0:
                        assert host.call("note", noted, timeout_s=60 * self.patience) == noted
                        noted += 1
                    got.append(next(stream))
                assert list(stream) == []
                assert got == [i * 3 for i in range(n)]

            self.while_cutting(board, job)
            assert host.call("notes", timeout_s=30 * self.patience) == list(range(noted))

    def test_a_long_message_goes_on_after_a_cut(self, board: VirtualBoard) -> None:
        with self.connect(board) as host:

            def job() -> None:
                assert (
                    host.call("big", 100_096, timeout_s=60 * self.patience)
                    == bytes(range(256)) * 391
                )
                assert (
                    host.call("echo", b"q" * 100_000, timeout_s=60 * self.patience)
                    == b"q" * 100_000
                )

            self.while_cutting(board, job)

    def test_a_host_killed_in_mid_frame(self, board: VirtualBoard) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        for _ in range(3):
            host = subprocess.run(
                [sys.executable, "-c", self.host_setup + HOST_THAT_DIES, self.address(board)],
                env=environment, stdout=subprocess.PIPE, timeout=20,
            )  # fmt: skip
            assert host.stdout == b"written\n"
            assert host.returncode == -signal.SIGKILL
        with self.connect(board) as again:
            assert again.call("echo", "here") == "here"
            assert again.call("notes") == [1, 1, 1]

    def test_a_blocking_command(self, board: VirtualBoard) -> None:
        with self.connect(board) as host:
            assert host.call("block", 0.7) == "awake"
            assert host.call("echo", 1) == 1

    def test_a_reset_board_is_met_anew(self, board: VirtualBoard) -> None:
        with self.connect(board) as host:
            assert host.call("note", 7) == 7
            board.reset()
            deadline = time.monotonic() + 15
            while True:
                try:
                    assert host.call("notes", timeout_s=10) == []
                    break
                except picolink.CallError:
                    assert time.monotonic() < deadline
            assert host.call("note", 8) == 8
