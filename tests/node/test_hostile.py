"""Hostile packets of five kinds after a valid attach: memory stays flat, a good client is served
afterwards, and nothing goes to stderr."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile
import pytest
from both import SEED, count

import picolink
from picolink.packing import compile_all
from picosim import VirtualBoard, World

CPYTHON_ONLY = "sockets and processes of a host"
KINDS = ["noise", "tagged", "fragments", "hellos", "messages"]
EACH = count(34_000)  # of each kind, on each of three links
SERVED_S = 2.0  # measured are some milliseconds; a busy machine may take longer

PROGRAM = """
import gc, sys
from picolink import Node

node = Node("target", uid=b"target")

@node.command
def echo(value):
    return value

@node.command
def fails():
    raise ValueError("as asked")

@node.command
def memory():
    gc.collect()
    if hasattr(gc, "mem_alloc"):
        return gc.mem_alloc()
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024

node.run(*ADDRESSES)
"""


def campaigns(
    attack: Callable[[int], tuple[hostile.Attacker, Callable[[], object]]],
    connect: Callable[[], picolink.Board], flat_bytes: int,
) -> None:  # fmt: skip
    """Each kind in turn, from an attacker of its own."""
    print(f"replay with PICOLINK_SEED={SEED}")
    with connect() as board:
        for i in range(300):
            assert board.call("echo", i) == i
        before = board.call("memory")
    for number, name in enumerate(KINDS):
        sent = 0
        while sent < EACH:
            attacker, close = attack(SEED + number)
            try:
                attacker.attach()
                sent += max(attacker.send(getattr(attacker, name)(), EACH - sent), 1)
            finally:
                close()
        began = time.monotonic()
        with connect() as board:
            connected = time.monotonic()
            assert board.call("echo", name) == name
            served = time.monotonic()
            after = board.call("memory")
        print(
            f"{sent} of {name}: {after - before} bytes more; connected after "
            f"{(connected - began) * 1000:.0f} ms, served after {(served - connected) * 1000:.1f}"
        )
        assert served - connected < SERVED_S
        assert after - before < flat_bytes, f"{after - before} bytes more after {name}"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """A node in a process of its own."""
    script = tmp_path / "target.py"
    script.write_text(PROGRAM.replace("*ADDRESSES", '"tcp-listen:127.0.0.1:0"'))
    errors = tmp_path / "stderr"
    with open(errors, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-u", str(script)], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        yield line.rpartition("tcp-listen:")[2].strip()
        assert process.poll() is None, "the node has ended"
        process.kill()
        process.wait(10)
        drain.wait(10)
        process.stdout.close()
    assert errors.read_bytes() == b""


@pytest.mark.timeout(1200)
def test_a_computer_over_tcp(target: str) -> None:
    host, _, port = target.rpartition(":")
    campaigns(
        lambda seed: hostile.over_tcp(host, int(port), seed),
        lambda: picolink.connect("tcp:" + target, timeout_s=20), 16 << 20,
    )  # fmt: skip


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    with World(seed=SEED) as world:
        libs = compile_all(["usb", "tcp", "log", "bench", "describe", "stats"])
        main = PROGRAM.replace("*ADDRESSES", '"usb:", "tcp-listen::5263"')
        board = world.board("target", main=main, libs=libs, heap_bytes=1_000_000)
        board.wait_printed("listening on tcp-listen:")
        yield board


@pytest.mark.timeout(1200)
def test_a_board_over_tcp(board: VirtualBoard) -> None:
    campaigns(
        lambda seed: hostile.over_tcp(board.address, 5263, seed),
        lambda: picolink.connect(f"tcp:{board.address}", timeout_s=20), 100_000,
    )  # fmt: skip


@pytest.mark.timeout(1200)
def test_a_board_over_usb(board: VirtualBoard) -> None:
    campaigns(
        lambda seed: hostile.over_serial(board.usb_path, seed),
        lambda: picolink.connect(board.usb_path, timeout_s=20), 100_000,
    )  # fmt: skip
