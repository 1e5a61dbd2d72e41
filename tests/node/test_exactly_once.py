"""Through real processes: connections that are cut, nodes that are killed, time-outs of 50 ms. No
call runs twice, none that is told as not done has run, all that are told as done have.

What ran is known from a file that the node writes, or from what the board prints, apart from all
that picolink says.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED, count
from cutting_proxy import CuttingProxy

import picolink
from picolink.core.errors import Busy, LinkError, NotDone, PicolinkError, Unknown
from picolink.packing import compile_all
from picosim import World

CPYTHON_ONLY = "processes and sockets of a host"

SERVER = """
import os, sys, time
from picolink import Node

node = Node("server", uid=b"server")
ran = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@node.command
def run(token, ms=0):
    os.write(ran, token.encode() + b"\\n")
    if ms:
        time.sleep(ms / 1000)
    return token

node.run("tcp-listen:127.0.0.1:" + sys.argv[2])
"""

BOARD = """
import time
from picolink import Node

node = Node("server")

@node.command
def run(token, ms=0):
    print("ran", token)
    if ms:
        time.sleep_ms(ms)
    return token

node.run("tcp-listen::5263")
"""


class Tally:
    """What callers were told of each of their calls."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def call(self, board: picolink.Board, token: str, ms: int, timeout_s: float) -> None:
        try:
            assert board.call("run", token, ms, timeout_s=timeout_s) == token
            self.told[token] = "done"
        except (NotDone, Busy):
            self.told[token] = "not done"
        except Unknown:
            self.told[token] = "unknown"
        except (PicolinkError, LinkError) as error:
            self.told[token] = f"not done: {error}"

    def check(self, ran: Counter[str]) -> None:
        """Holds it against what ran."""
        twice = [token for token, times in ran.items() if times > 1]
        wrong = [t for t, what in self.told.items() if what.startswith("not") and ran[t]]
        lost = [t for t, what in self.told.items() if what == "done" and not ran[t]]
        print(Counter(what.split(":")[0] for what in self.told.values()), f"{len(ran)} ran")
        assert not twice, f"ran twice: {twice[:5]}"
        assert not wrong, f"told as not done, and ran: {wrong[:5]}"
        assert not lost, f"told as done, and never ran: {lost[:5]}"


def work(
    connect: str, proxy: CuttingProxy, kill: object, cuts: int, kills: int, rng: random.Random
) -> Tally:
    """Three threads call, while this one cuts and kills."""
    tally = Tally()
    stop = threading.Event()
    errors: list[BaseException] = []
    with picolink.connect(connect, timeout_s=20) as board:

        def caller(name: str, seed: int) -> None:
            chooses = random.Random(seed)
            n = 0
            try:
                while not stop.is_set():
                    n += 1
                    timeout_s = chooses.choice((0.05, 0.05, 0.5, 5))
                    ms = chooses.choice((0, 0, 0, 0, 10, 60))
                    tally.call(board, f"{name}-{n}", ms, timeout_s)
            except BaseException as error:
                errors.append(error)

        threads = [
            threading.Thread(target=caller, args=(f"t{i}", rng.randrange(1 << 30)))
            for i in range(3)
        ]
        for thread in threads:
            thread.start()
        for i in range(cuts):
            time.sleep(rng.uniform(0.002, 0.05))  # at whatever moment of a call
            proxy.cut()
            if kills and i % (cuts // kills) == cuts // kills - 1:
                kill()  # type: ignore[operator]
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), "a call outlived its time-out"
        assert not errors, errors
        assert board.call("run", "last", timeout_s=20) == "last"
        tally.told["last"] = "done"
    return tally


@pytest.fixture
def rng() -> random.Random:
    print(f"replay with PICOLINK_SEED={SEED}")
    return random.Random(SEED)


@pytest.fixture
def port() -> int:
    """A port that is free."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


class Server:
    """A node in a process of its own, which can be killed and is started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self.ran = folder / "ran"
        self.ran.touch()
        self._script = folder / "server.py"
        self._script.write_text(SERVER)
        self._port = port
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", str(self._script), str(self.ran), str(self._port)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert "listening" in self._process.stdout.readline()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[Server]:
    server = Server(tmp_path, port)
    yield server
    server.close()


@pytest.mark.timeout(1200)
def test_a_computer_is_cut_off_and_killed(server: Server, port: int, rng: random.Random) -> None:
    proxy = CuttingProxy(("127.0.0.1", port), SEED)
    try:
        tally = work(
            f"tcp:127.0.0.1:{proxy.port}", proxy, server.kill, count(5000), count(50, 4), rng
        )
    finally:
        proxy.close()
    tally.check(Counter(server.ran.read_text().split()))


@pytest.mark.timeout(1200)
def test_a_virtual_board_is_cut_off_and_reset(rng: random.Random) -> None:
    with World(seed=SEED) as world:
        libs = compile_all(["usb", "tcp"])
        board = world.board("server", main=BOARD, libs=libs, heap_bytes=1_000_000)
        proxy = CuttingProxy((board.address, 5263), SEED)
        try:
            tally = work(
                f"tcp:127.0.0.1:{proxy.port}", proxy, board.reset, count(5000) // 4,
                count(50, 4) // 4 or 1, rng,
            )  # fmt: skip
            board.wait_printed("ran last")
        finally:
            proxy.close()
        lines = board.log_text().splitlines()
        ran = Counter(line.split()[1] for line in lines if line.startswith("ran "))
        for token, what in tally.told.items():
            if what == "done" and not ran[token]:
                ran[token] = 1  # its line went with a reset
        tally.check(ran)
