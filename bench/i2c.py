"""Payload over I2C as a share of what the bus carries, what looking costs, and the RP2040's time.

Alone: `python -m bench.i2c`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import picolink
from picolink.core.dialer import Dialer
from picolink.core.port import Port
from picolink.links.i2c.controller import Controller
from picolink.links.i2c.layout import MEMORY_BYTES, MTU_BYTES, TAKES_BYTES
from picolink.links.i2c.target import Target
from picolink.node.node import Node
from picolink.packing import compile_all
from picolink.sim import World
from picolink.sim.i2c.faults import I2cFaults

from .core_time import COPY_KB_US, CRC_KB_US
from .pinned import pin
from .rp2040 import CALL_US, TURN_US
from .uart import BOARD, _jobs

SPEEDS_HZ = (100_000, 400_000)
_CHUNK = 8_192
_SECONDS = 5  # of payload for each figure
_IDLE_S = 10.0


#: As from a host, two calls under way at once.
_TWICE = """
import asyncio

@node.command
async def twice(name, n, count):
    one = globals()[name]
    await asyncio.gather(one(n, count // 2), one(n, count - count // 2))

RUN
"""


def measure() -> list[tuple[str, int, float]]:
    """(which way, clock in Hz, share of the bus's payload capacity, which is a byte for nine
    clocks), every byte value in turn."""
    rows = []
    for hz in SPEEDS_HZ:
        with World(seed=1) as world:
            target = _board(world, "target", 'node.run("i2c-target:0/0x43?sda=0&scl=1")')
            bus = world.i2c_host(
                1, target.i2c(0, 0, 1), baudrate=hz, controller="gpio", faults=I2cFaults()
            )
            pin(bus.process_id, 0)
            target.wait_ready()
            with _connect() as host:
                for way, job in _jobs(host):
                    rows.append((way, hz, _share(job, hz)))
        with World(seed=1) as world:
            target = _board(world, "target", 'node.run("i2c-target:0/0x43?sda=0&scl=1")')
            run = f'peer = node.peer("i2c:0/0x43?sda=0&scl=1&freq={hz}")\nnode.run("usb:")'
            caller = _board(world, "controller", run)
            bus = world.i2c(target.i2c(0, 0, 1), caller.i2c(0, 0, 1), pull_ups=True)
            pin(bus.process_id, 0)
            with picolink.connect(caller.usb_path, timeout_s=20) as host:
                for way, name in (("to the target", "pass_on"), ("to the controller", "fetch")):

                    def job(count: int, name: str = name, host: Any = host) -> None:
                        host.call("twice", name, _CHUNK, count, timeout_s=120)

                    rows.append((f"board to board, {way}", hz, _share(job, hz)))
    return rows


def idle() -> list[tuple[int, float]]:
    """(clock in Hz, share of the bus's bits that an attached session takes where nothing is
    said), keepalives among them."""
    rows = []
    for hz in SPEEDS_HZ:
        with World(seed=1) as world:
            target = _board(world, "target", 'node.run("i2c-target:0/0x43?sda=0&scl=1")')
            bus = world.i2c_host(1, target.i2c(0, 0, 1), baudrate=hz, controller="gpio")
            target.wait_ready()
            with _connect() as host:
                host.call("take", b"awake")
                time.sleep(1)  # after traffic it looks more often for a while
                before = bus.counts()
                time.sleep(_IDLE_S)
                after = bus.counts()
            bits = after["bits"] - before["bits"]
            seconds = (after["elapsed_us"] - before["elapsed_us"]) / 1e6
            rows.append((hz, bits / (hz * seconds)))
    return rows


def _board(world: World, name: str, run: str) -> Any:
    main = BOARD.replace("RUN", _TWICE).replace("NAME", name).replace("RUN", run)
    libs = compile_all(["usb", "i2c"])
    made = world.board(name, main=main, libs=libs, heap_bytes=1_000_000)
    pin(made.process_id, 1)
    return made


def _connect() -> picolink.Board:
    end = time.monotonic() + 20
    while True:
        try:
            return picolink.connect("i2c:1/0x43")
        except picolink.CannotConnect:  # it boots
            if time.monotonic() > end:
                raise


def _share(job: Callable[[int], None], hz: int) -> float:
    job(2)  # the first measures the link
    count = max(2, 2 * (hz // 9 * _SECONDS // _CHUNK // 2))
    start = time.perf_counter()
    job(count)
    return count * _CHUNK / (time.perf_counter() - start) / (hz / 9)


# The RP2040, reckoned. Each frame of the mailbox besides: what stands beside the packets.

_HANDLER_US = 37  # from the STOP to the handler's first line
_FRAME_US = 90  # reading or writing a frame's head, the status's four bytes, and their check
_WAKES = 2  # turns of the event loop a packet, and for acknowledgements
_TRANSFER_US = 25  # of a controller's call into machine.I2C


class _NoHost:
    due_ms = 0

    def call_by(self, at_ms: int) -> None:
        pass


def _count(to_target: bool, controls: bool) -> tuple[float, float, float]:
    """Python calls, packets and transfers of a board, for 1000 bytes of payload; it is the
    target, or it controls."""
    target = Target(bytearray(MEMORY_BYTES), 5)
    transfers = 0

    def read(register: int, n: int) -> bytes:
        nonlocal transfers
        transfers += 1
        return bytes(target.memory[register : register + n])

    hooked: list[bool] = []

    def write(register: int, data: bytes) -> None:
        nonlocal transfers
        transfers += 1
        target.memory[register : register + len(data)] = data
        with _Hook(not controls and bool(hooked)):
            target.look(True)

    controller = Controller(read, write, lambda: time.monotonic_ns() // 1_000_000, 65)
    controller.begin()
    calls = [0, 0]  # of Python, packets

    class _Hook:
        def __init__(self, on: bool) -> None:
            self.on = on

        def __enter__(self) -> None:
            if self.on:
                sys.setprofile(hook)

        def __exit__(self, *_: object) -> None:
            if self.on:
                sys.setprofile(None)

    def hook(frame: Any, event: str, argument: Any) -> None:
        calls[0] += event == "call" and "/picolink/" in frame.f_code.co_filename

    nodes = [Node("one", b"uid-one", max_message_bytes=60_000),
             Node("two", b"uid-two", max_message_bytes=60_000)]  # fmt: skip
    ports = []
    for node, mtu_bytes in zip(nodes, (TAKES_BYTES, MTU_BYTES)):
        node.host = _NoHost()
        ports.append(Port(mtu_bytes, TAKES_BYTES + MTU_BYTES - mtu_bytes))
        node.command(name="bring")(lambda n: bytes(range(256)) * (n // 256))
        node.command(name="take")(len)
    host = nodes[0]
    session = host.endpoint.new_session(b"12345678")
    Dialer(host.endpoint, ports[0], session, host, host.now_ms())  # type: ignore[arg-type]

    def turn() -> None:
        with _Hook(controls and bool(hooked)):
            packet = host.endpoint.next_packet(ports[0], host.now_ms())
            while packet is not None:
                controller.waiting.append(packet)
                packet = host.endpoint.next_packet(ports[0], host.now_ms())
            controller.poll(0)
            for packet in controller.packets:
                calls[1] += 1
                host.endpoint.receive(ports[0], packet, host.now_ms())
            controller.packets.clear()
        with _Hook(not controls and bool(hooked)):
            for packet in target.packets:
                calls[1] += 1
                nodes[1].endpoint.receive(ports[1], packet, nodes[1].now_ms())
            target.packets.clear()
            while not target.waiting:
                packet = nodes[1].endpoint.next_packet(ports[1], nodes[1].now_ms())
                if packet is None:
                    break
                target.send(packet)

    def run(name: str, argument: Any) -> None:
        call = session.data.caller().start(name, (argument,), {}, 0, host.now_ms())
        while not call.done:
            turn()

    while session.attach is None or not session.met:
        turn()
    run("take", b"warm")
    hooked.append(True)
    calls[:] = [0, 0]
    transfers = 0
    data = bytes(range(256)) * (_CHUNK // 256)
    run("take", data) if to_target else run("bring", _CHUNK)
    return tuple(1000 * count / _CHUNK for count in (*calls, transfers))  # type: ignore[return-value]


def reckon() -> list[tuple[str, float, float, float, float]]:
    """(what, microseconds a kB that a target receives, sends, that a controller sends,
    receives)."""
    counted = [_count(True, False), _count(False, False), _count(True, True), _count(False, True)]
    frames = (1000 / 223, 1000 / MTU_BYTES, 1000 / 223, 1000 / MTU_BYTES)
    return [
        ("CRC-32", *[CRC_KB_US] * 4),  # type: ignore[list-item]
        ("copies", *[COPY_KB_US * copies for copies in (4, 3, 5, 5)]),  # type: ignore[list-item]
        ("frames: head, status, check", *[_FRAME_US * n for n in frames]),  # type: ignore[list-item]
        (
            "interrupts' handlers, or transfers begun",
            _HANDLER_US * frames[0], _HANDLER_US * frames[1],
            _TRANSFER_US * counted[2][2], _TRANSFER_US * counted[3][2],
        ),
        (
            "Python calls, counted: " + ", ".join(f"{each[0]:.0f}" for each in counted),
            *[each[0] * CALL_US for each in counted],  # type: ignore[list-item]
        ),
        ("turns of the event loop", *[_WAKES * each[1] * TURN_US for each in counted]),  # type: ignore[list-item]
    ]  # fmt: skip


Section = tuple[str, str, list[str], list[str]]


def page() -> list[Section]:
    """Sections of docs/benchmarks.md: title, columns, rows, what stands after them."""
    found = {(way, hz): share for way, hz, share in measure()}
    quiet = dict(idle())
    ways = list(dict.fromkeys(way for way, _ in found))
    rows = [
        f"| {way} | " + " | ".join(f"{found[way, hz]:.0%}" for hz in SPEEDS_HZ) + " |"
        for way in ways
    ]
    rows.append("| nothing is said | " + " | ".join(f"{quiet[hz]:.2%}" for hz in SPEEDS_HZ) + " |")
    costs = reckon()
    spent = [
        f"| {what} | " + " | ".join(f"{us:,.0f}" for us in each) + " |" for what, *each in costs
    ]
    sums = [sum(each[n] for _, *each in costs) for n in range(4)]
    spent.append("| **in all** | " + " | ".join(f"**{us:,.0f}**" for us in sums) + " |")
    return [
        (
            "Payload over I2C",
            "which way | " + " | ".join(f"{hz // 1000} kHz" for hz in SPEEDS_HZ),
            rows,
            [
                "Share of what the bus carries, a byte for nine clocks; of what is said, calls of",
                "8 KiB of every byte value in turn, from a host two at once. Aims: 85 % and 65 %",
                "either way, under 1 % where nothing is said (bits on the bus, keepalives among",
                "them). Both at once is half each, since there is one wire for both. `python -m",
                "bench.i2c` measures this alone.",
                "",
            ],
        ),
        (
            "1000 bytes over I2C on an RP2040",
            "what | us the target received | it sent | the controller sent | it received",
            spent,
            [
                "Reckoned as below. On the bus a kB takes 90,000 us at 100 kHz, 22,500 at 400 kHz.",
                "The firmware serves a target meanwhile; a controller waits for its transfers.",
            ],
        ),
    ]


def main() -> None:
    """Measures, and prints."""
    pin(os.getpid(), 0)
    for way, hz, share in measure():
        print(f"{hz:7} {way:32} {share:6.1%}", flush=True)
    for hz, share in idle():
        print(f"{hz:7} {'idle':32} {share:6.2%}", flush=True)
    costs = reckon()
    for what, *us in costs:
        print(" ".join(f"{each:7.0f}" for each in us), what)
    print(" ".join(f"{sum(c[n] for c in costs):7.0f}" for n in range(1, 5)), "us a kB")  # type: ignore[misc]


if __name__ == "__main__":
    main()
