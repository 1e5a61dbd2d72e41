"""Round trips: calls interleaved with raw echoes, in batches, in one process."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import statistics
import time
import tty
from collections.abc import Awaitable, Callable
from typing import Any

import picolink
from picolink.packing import compile_all
from picosim import World

from . import boards
from .pinned import pin

PAYLOAD = "x" * 32
LINE = b"x" * 33 + b"\n"
_BATCH = 100


class Echo:
    """A raw link: write a line, poll, read until it is back."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def __call__(self) -> None:
        os.write(self._fd, LINE)
        got = 0
        while got < len(LINE):
            self._poll.poll()
            got += len(os.read(self._fd, 4096))


async def measure(rounds: int) -> tuple[dict[str, float], dict[int, float]]:
    """Medians in microseconds: name -> round trip, and calls under way at once -> time of each."""
    with World(seed=1) as world:
        raw_usb = world.board("raw-usb", main=boards.RAW_USB.replace("SIZE", str(len(LINE))),
                              usb="pty")  # fmt: skip
        raw_tcp = world.board("raw-tcp", main=boards.RAW_TCP, usb="pty")
        node = world.board("node", main=boards.NODE, libs=compile_all(["usb", "tcp"]), usb="pty")
        for board in (raw_usb, raw_tcp, node):
            pin(board.process_id, 1)
        pin(os.getpid(), 0)
        fd = os.open(raw_usb.usb_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(fd)
        tcp = socket.create_connection((raw_tcp.address, 5264))
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        usb_node = picolink.connect(node.usb_path)
        tcp_node = picolink.connect(f"tcp:{node.address}")
        aio_tcp = await picolink.aio.connect(f"tcp:{node.address}")
        kinds: dict[str, Callable[[], Any]] = {
            "USB raw": Echo(fd),
            "USB sync": lambda: usb_node.call("echo", PAYLOAD),
            "TCP raw": Echo(tcp.fileno()),
            "TCP sync": lambda: tcp_node.call("echo", PAYLOAD),
            "TCP asyncio": lambda: aio_tcp.call("echo", PAYLOAD),
        }
        medians = await _interleaved(kinds, rounds)
        usb_node.close()
        aio_usb = await picolink.aio.connect(node.usb_path)
        kinds = {"USB raw": kinds["USB raw"],
                 "USB asyncio": lambda: aio_usb.call("echo", PAYLOAD)}  # fmt: skip
        again = await _interleaved(kinds, rounds)
        # The machine drifts: the ratio counts, so it is taken from this run's own raw figure.
        medians["USB asyncio"] = again["USB asyncio"] * medians["USB raw"] / again["USB raw"]
        many = {}
        for width in (1, 4, 16):
            many[width] = await _at_once(aio_usb, width, rounds)
        tcp_node.close()
        await aio_tcp.close()
        await aio_usb.close()
        os.close(fd)
        tcp.close()
        return medians, many


async def _interleaved(kinds: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    times: dict[str, list[int]] = {name: [] for name in kinds}
    for turn in range(rounds + 1):
        for name, function in kinds.items():
            for _ in range(_BATCH):
                start = time.perf_counter_ns()
                result = function()
                if isinstance(result, Awaitable):
                    await result
                if turn:  # the first round warms up
                    times[name].append(time.perf_counter_ns() - start)
    return {name: statistics.median(values) / 1000 for name, values in times.items()}


async def _at_once(board: Any, width: int, rounds: int) -> float:
    async def worker(count: int) -> None:
        for _ in range(count):
            await board.call("echo", PAYLOAD)

    count = rounds * _BATCH // width
    start = time.perf_counter()
    await asyncio.gather(*(worker(count) for _ in range(width)))
    return (time.perf_counter() - start) / (count * width) * 1e6
