"""Calls to a board over MQTT whose payloads take several packets, through a broker as Debian ships
it: Nagle's algorithm there, and a delayed acknowledgement at the other end, hold back the second of
several packets in a row. `python -m bench.mqtt_calls` measures this alone.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from brokers import Mosquitto

import picolink
from picolink.packing import compile_all
from picosim import World

from .pinned import pin

SIZES = (32, 1000, 3000, 5000, 7000)  # bytes, there and back; a packet takes up to 2048
_BOARD = """
from picolink import Node
node = Node("bench")

@node.command
def echo(data):
    return data

node.run("{address}")
"""


def measure(rounds: int) -> dict[tuple[int, bool], float]:
    """Medians in milliseconds by size, and whether the broker is a stock one."""
    medians = {}
    for stock in (True, False):
        with tempfile.TemporaryDirectory() as folder, World(seed=1) as world:
            with Mosquitto(Path(folder), stock=stock, logs=False) as broker:
                pin(broker.pid, 1)
                main = _BOARD.format(address=broker.address)
                board = world.board("bench", main=main, libs=compile_all(["usb", "mqtt"]))
                pin(board.process_id, 1)
                with picolink.connect(broker.address + "/bench", timeout_s=20) as node:
                    for size in SIZES:
                        data = "x" * size
                        times = []
                        for _ in range(rounds + 1):
                            began = time.perf_counter()
                            assert node.call("echo", data) == data
                            times.append(1000 * (time.perf_counter() - began))
                        medians[size, stock] = statistics.median(times[1:])
    return medians


def page(rounds: int) -> list[tuple[str, str, list[str], list[str]]]:
    """The table: title, columns, rows, and what is to be said."""
    medians = measure(rounds)
    return [
        (
            "Calls of several packets over an MQTT broker",
            "bytes there and back | mosquitto as it comes, ms | with set_tcp_nodelay, ms",
            [f"| {n} | {medians[n, True]:.1f} | {medians[n, False]:.1f} |" for n in SIZES],
            ["An echo on a virtual board, the medians of calls one after the other."],
        )
    ]


if __name__ == "__main__":
    for title, columns, rows, after in page(10 if "--quick" in sys.argv else 40):
        print(title, columns, *rows, *after, sep="\n", end="\n\n")
