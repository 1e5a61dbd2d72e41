"""Payload over a UART as a share of what the line carries, and the RP2040's time for it.

Alone: `python -m bench.uart`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import picolink
from picolink.links.uart.link import UartLink
from picolink.packing import compile_all
from picolink.sim import World

from .core_time import COPY_KB_US, CRC_KB_US, PORT_CALLS, SEARCH_KB_US, WAKES, count
from .pinned import pin
from .rp2040 import CALL_US, ESCAPE_US, TURN_US

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


# The RP2040, reckoned. Microseconds for each of 1000 bytes, from its real firmware at 125 MHz.

READ_KB_US = 1246  # readinto
WRITE_KB_US = 715


class _Memory:
    """A port in memory, whose other end reads what this one writes."""

    need = 1
    other: _Memory

    def __init__(self) -> None:
        self.coming = b""

    def clock(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def read(self) -> bytes:
        data, self.coming = self.coming, b""
        return data

    def write(self, data: bytes) -> int:
        self.other.coming += data
        return len(data)

    def ahead(self) -> bool:
        return False


def _ends() -> list[Any]:
    """A host's end and the board's."""
    memories = [_Memory(), _Memory()]
    memories[0].other, memories[1].other = memories[1], memories[0]
    return [UartLink(memory, None, "uart:0", 115200, 4096) for memory in memories]


def reckon() -> list[tuple[str, float, float]]:
    """(what, microseconds a kB received, a kB sent)."""
    calls_in, packets_in = count(_ends(), True)
    calls_out, packets_out = count(_ends(), False)
    return [
        ("the port's read or write", READ_KB_US, WRITE_KB_US),
        ("CRC-32", CRC_KB_US, CRC_KB_US),
        ("copies: 5 in, 5 out", 5 * COPY_KB_US, 5 * COPY_KB_US),
        ("16 stuffed bytes of 1000", 16 * ESCAPE_US, 0),
        ("unstuffing: two finds; stuffing: four replaces", 2 * SEARCH_KB_US, 4 * SEARCH_KB_US),
        (
            f"{calls_in:.0f} and {calls_out:.0f} Python calls, counted; the port's own",
            (calls_in + PORT_CALLS * packets_in) * CALL_US,
            (calls_out + PORT_CALLS * packets_out) * CALL_US,
        ),
        ("turns of the event loop", WAKES * packets_in * TURN_US, WAKES * packets_out * TURN_US),
    ]


def main() -> None:
    """Measures, and prints."""
    pin(os.getpid(), 0)
    for way, baud, share in measure():
        print(f"{baud:7} {way:24} {share:6.1%}")
    costs = reckon()
    for what, into, out in costs:
        print(f"{into:7.0f} {out:7.0f}  {what}")
    print(f"{sum(c[1] for c in costs):7.0f} {sum(c[2] for c in costs):7.0f}  us a kB in, out")


if __name__ == "__main__":
    main()
