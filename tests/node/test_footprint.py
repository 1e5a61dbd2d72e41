"""What a node with USB costs a board: memory, and what a call allocates."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

import picolink
from picolink import packing
from picolink.core.errors import UnknownCommand
from picolink.links.usb.identify import PROBE
from picolink.net import places
from picosim import World

#: Reached so far, with a little to spare. Of the heap 26 kB are the code of the serving path; the
#: second figure is what the names of the source cost more than the short ones that it once had, the
#: third frames in base64 and text in pieces. A Pico's own heap is measured in tests/firmware.
MAX_HEAP_BYTES = 43_900 + 1_696 + 1_200  # target: 28_000
MAX_BYTES_PER_CALL = 1_800
CALLS = 20

MAIN = """
import gc, sys
import asyncio, binascii, io, json, machine, micropython, os, select, struct

def renew_names():
    # The table of names doubles when it is full. When that is depends on how many names the
    # stand-ins have: so it is made to happen before.
    number = grown = 0
    while grown < 4000:
        gc.collect()
        grown = -gc.mem_alloc()
        getattr(gc, "~%d" % number, None)
        gc.collect()
        grown += gc.mem_alloc()
        number += 1

renew_names()
gc.collect()
before = gc.mem_alloc()
from picolink import Node

node = Node("board")

@node.command
def echo(x):
    return x

@node.command
def heap():
    gc.collect()
    return gc.mem_alloc() - before

@node.command
def loaded():
    return json.dumps([name for name in sys.modules if name[:8] == "picolink"])

made = [0]
create_task = asyncio.core.create_task

def counted(coroutine):
    made[0] += 1
    return create_task(coroutine)

asyncio.create_task = asyncio.core.create_task = counted
mark = [0, 0]

@node.command
def begin():
    # What the stand-in for the port allocates in a write is not the node's.
    gc.collect()
    gc.disable()
    mark[0] = gc.mem_alloc()
    sys.stdout.buffer.write(b"-" * 60 + b"\\n")
    mark[1] = gc.mem_alloc() - mark[0]
    mark[0] = gc.mem_alloc()
    made[0] = 0

@node.command
def end():
    used = gc.mem_alloc() - mark[0]
    gc.enable()
    return "%d %d %d" % (used, mark[1], made[0])

node.run("usb:")
"""


def least(rounds: list[list[int]]) -> float:
    """Bytes per call of the node alone: the stand-in for the timer allocates when it ticks, the
    more often the slower the machine is."""
    return min(used / (CALLS + 1) - port for used, port, _ in rounds)


def test_memory_and_allocations_of_a_serving_node() -> None:
    with World(seed=6) as world:
        board = world.board("board", main=MAIN, libs=packing.compile_all(["usb"]), usb="pty")
        with picolink.connect(board.usb_path) as node:
            node.call("heap")  # the first call finds the modules of the start gone
            # The least: what is held for a moment does not count.
            heap_bytes = min(node.call("heap") for _ in range(5))
            names = json.loads(node.call("loaded"))
            rounds: list[list[int]] = []
            while len(rounds) < 6 or (least(rounds) > MAX_BYTES_PER_CALL and len(rounds) < 40):
                node.call("begin")
                for _ in range(CALLS):
                    assert node.call("echo", "x" * 32) == "x" * 32
                rounds.append([int(word) for word in node.call("end").split()])
            with pytest.raises(UnknownCommand):
                node.call("nope")
            later = json.loads(node.call("loaded"))
    per_call = least(rounds)
    tasks = max(made for _, _, made in rounds)
    print(f"heap {heap_bytes} bytes, {per_call:.0f} bytes and {tasks} tasks per call; {names}")
    assert tasks == 0
    assert per_call <= MAX_BYTES_PER_CALL
    assert heap_bytes <= MAX_HEAP_BYTES
    start = {"picolink.starting", "picolink.seldom", "picolink.node.opening"}
    assert not start & set(names), "what only the start needs was not let go"
    assert "picolink.links.usb.board" in names
    assert "picolink.seldom" in later and "picolink.starting" not in later


SERVES = """
import gc, sys
from picolink import Node

node = Node("board")
node.time.servers = ()

@node.command
def loaded():
    return " ".join([name for name in sys.modules if name[:8] == "picolink"])

@node.command
def time_from():
    return node.time.quality

@node.command
def zone():
    return node.time.zone

node.run("usb:")
"""


def test_what_is_seldom_used_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = "CET-1CEST,M3.5.0,M10.5.0/3"  # which this host tells the board
    monkeypatch.setattr(places, "own_zone", lambda: rule)
    with World(seed=6) as world:
        board = world.board("board", main=SERVES, libs=packing.compile_all(["usb", "time"]))
        board.wait_ready()
        with open(board.usb_path, "wb", buffering=0) as port:
            port.write(PROBE)  # what a host that searches says where no node answers
        with picolink.connect(board.usb_path) as node:

            def until(done: Callable[[list[str]], bool]) -> None:
                deadline_s = time.monotonic() + 20
                while not done(node.call("loaded").split()):
                    assert time.monotonic() < deadline_s, node.call("loaded")

            while node.call("time_from") != "peer":  # the board calls this host
                pass
            until(lambda names: "picolink.node.client.calls" not in names)
            assert node.call("zone") == rule
            until(lambda names: "picolink.net.zone" not in names)
            for _ in range(2):
                with pytest.raises(UnknownCommand):
                    node.call("nope")
                assert "picolink.seldom" in node.call("loaded")
                until(lambda names: "picolink.seldom" not in names)
            names = node.call("loaded").split()
            assert not {"picolink.node.features.typed", "picolink.node.after"} & set(names)
