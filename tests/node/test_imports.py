"""What a connection needs it has loaded before its threads run.

Python's import lock stays held where a Ctrl-C comes at the wrong step of an import. Then no other
thread imports anything any more: one of ours that tried would stand for good, with the connection.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from served_node import Served, fixtures, until

CPYTHON_ONLY = "threads of a host"

CLIENT = """
import sys, threading
import picolink

node = picolink.Node("client")

@node.command
def fails(value):
    raise ValueError(value)

@node.command
async def late(value):
    return value

@node.command(level="0..9")
def checked(level):
    return level

@node.stream
def numbers():
    yield 1
    yield b"two"

@node.stream
async def slow_numbers():
    yield 1

@node.reading("count", every_s=0.01)
def count():
    return 1

def called(reading):
    raise KeyError(reading.value)

done = threading.Event()

@node.command
def finished():
    done.set()

main = threading.get_ident()
late_ones = set()

def hook(event, args):
    if event == "import" and threading.get_ident() != main:
        late_ones.add(args[0])

with picolink.connect(sys.argv[1], node=node) as board:
    sys.addaudithook(hook)
    threads = [threading.Thread(target=picolink.Node) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    for each in picolink.connect_all([sys.argv[1]] * 2).boards.values():
        each.close()
    line = board._client
    with line.host.lock:
        line._driver.lost("cut")
    while not board.connected:  # our own thread opens it again
        threading.Event().wait(0.01)
    board.subscribe("door", called)
    board.call("go")
    assert done.wait(60)  # meanwhile our own thread leads
    assert board.call("echo", {"a": b"bytes"}) == {"a": b"bytes"}
    try:
        board.call("nope")
    except picolink.UnknownCommand:
        pass
print("imported:", sorted(late_ones))
"""


def declare(node: Any) -> None:
    @node.command
    def echo(value: Any) -> Any:
        return value

    @node.command
    def go() -> None:
        node.spawn(use())

    async def use() -> None:
        client = node.peer("client")
        for command, *args in (
            ("fails", 1), ("late", 2), ("checked", 3), ("checked", "x"), ("nope",), ("late",),
            ("late", "x" * 200_000), ("late", b"\x00" * 200_000), ("late", [b"1", "\ud83d"]),
            ("sys.describe",), ("sys.stats",), ("sys.time",), ("sys.bench", "x", 10), ("sys.log",),
            ("sys.read", "count"), ("sys.wifi",), ("sys.deliver",), ("sys.nope",), ("late", 1e999),
            ("sys.subscribe", 5),
        ):  # fmt: skip
            try:
                await client.call(command, *args)
            except Exception:
                pass
        for stream in ("numbers", "slow_numbers", "late"):
            try:
                async for _ in await client.stream(stream):
                    pass
            except Exception:
                pass
        readings = await client.subscribe("count")
        await anext(readings)
        node.publish("door", "open")
        readings.close()
        await client.call("finished")


serving, board = fixtures(declare)


def test_no_thread_of_a_connection_imports_anything(serving: Served) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", CLIENT, serving.at],
        env=environment, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "KeyError: 'open'" in ended.stdout + ended.stderr  # its traceback
    assert ended.stdout.splitlines()[-1] == "imported: []", ended.stdout
    until(lambda: not serving.node.endpoint.sessions)
