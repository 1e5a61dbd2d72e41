"""Payload over a UART as a share of what the line carries.

Alone: `python -m bench.uart`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import picolink
from picolink.packing import compile_all
from picosim import World

from .pinned import pin

BAUDS = (115200, 921600)
_SECONDS = 6  # of payload for each figure

BOARD = """
from picolink import Node
node = Node("NAME", max_message_bytes=60_000)
DATA = bytes(range(256)) * 32

@node.command
def bring(n):
    return DATA[:n]

@node.command
def take(data):
    return len(data)

@node.command
async def pass_on(n, count):
    for _ in range(count):
        if await peer.call("take", DATA[:n], timeout_s=60) != n:
            raise ValueError("lost")

@node.command
async def fetch(n, count):
    for _ in range(count):
        if len(await peer.call("bring", n, timeout_s=60)) != n:
            raise ValueError("lost")

RUN
"""
_CHUNK = 8_192
_DATA = bytes(range(256)) * (_CHUNK // 256)


def measure() -> list[tuple[str, int, float]]:
    """(which way, baud, share of the line's payload capacity), every byte value in turn."""
    rows = []
    for baud in BAUDS:
        address = f"uart:0?baud={baud}"
        with World(seed=1) as world:
            libs = compile_all(["usb", "uart"])

            def board(name: str, run: str, world: World = world) -> Any:
                main = BOARD.replace("NAME", name).replace("RUN", run)
                made = world.board(name, main=main, libs=libs, heap_bytes=1_000_000)  # noqa: B023
                pin(made.process_id, 1)
                return made

            one = board("one", f'node.run("{address}")')
            wire = world.uart(one.uart(0))
            pin(wire.process_id, 0)
            with picolink.connect(f"uart:{wire.path}?baud={baud}") as host:
                for way, job in _jobs(host):
                    rows.append((way, baud, _share(job, baud)))
            caller = board("caller", f'peer = node.peer("{address}")\nnode.run("usb:")')
            called = board("called", f'node.run("{address}")')
            pin(world.uart(caller.uart(0), called.uart(0)).process_id, 0)
            with picolink.connect(caller.usb_path) as host:
                for way, name in (("there", "pass_on"), ("back", "fetch")):

                    def job(count: int, name: str = name, host: Any = host) -> None:
                        host.call(name, _CHUNK, count, timeout_s=120)

                    rows.append((f"board to board, {way}", baud, _share(job, baud)))
    return rows


def _jobs(host: Any) -> list[tuple[str, Callable[[int], None]]]:
    def bring() -> None:
        assert len(host.call("bring", _CHUNK, timeout_s=60)) == _CHUNK

    def take() -> None:
        assert host.call("take", _DATA, timeout_s=60) == _CHUNK

    def each(*jobs: Callable[[], None]) -> Callable[[int], None]:
        """`count` times each job, with two of each under way: the line need not wait for us."""

        def run(count: int) -> None:
            with ThreadPoolExecutor(2 * len(jobs)) as pool:
                lists = [_split(job, count) for job in jobs]
                for done in [pool.submit(part) for parts in lists for part in parts]:
                    done.result()

        return run

    return [
        ("board to host", each(bring)),
        ("host to board", each(take)),
        ("both at once, each", each(bring, take)),
    ]


def _split(job: Callable[[], None], count: int) -> list[Callable[[], None]]:
    """Two functions that do `job` so often together."""

    def part(times: int) -> Callable[[], None]:
        return lambda: [job() for _ in range(times)] and None

    return [part(count // 2), part(count - count // 2)]


def _share(job: Callable[[int], None], baud: int) -> float:
    job(1)  # the first measures the line
    count = max(2, baud // 10 * _SECONDS // _CHUNK)
    start = time.perf_counter()
    job(count)
    return count * _CHUNK / (time.perf_counter() - start) / (baud / 10)


def main() -> None:
    """Measures, and prints."""
    pin(os.getpid(), 0)
    for way, baud, share in measure():
        print(f"{baud:7} {way:24} {share:6.1%}")


if __name__ == "__main__":
    main()
