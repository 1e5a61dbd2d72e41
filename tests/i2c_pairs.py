"""Targets on I2C and who controls them, for tests: virtual boards and this computer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from both import SEED
from i2c_programs import CONTROLLER, TARGET

import picolink
from picolink.core.errors import CannotConnect, PicolinkError
from picolink.packing import compile_all
from picosim import VirtualBoard, World
from picosim.i2c.faults import I2cFaults
from picosim.i2c.public import I2cBus


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=SEED) as world:
        yield world


class Pair:
    """A target, and who talks to it: this computer over its /dev/i2c-1, or another board, whose
    USB we are at."""

    bus: I2cBus
    target: VirtualBoard
    caller: VirtualBoard | None = None

    def __init__(self, world: World, hz: int, boards: bool, faults: I2cFaults, ready: bool) -> None:
        self._noted: list[int] = []
        self._log = ""
        libs = compile_all(["usb", "i2c", "stats"])
        number = len(world.boards)
        links = '("usb:",)'
        main = TARGET.replace("PEER", repr("controller" if boards else "host"))
        main = main.replace("LINKS", links)
        if ready:
            main = main.replace("scl=1", "scl=1&ready=2")
        self.target = world.board(f"t{number}", main=main, libs=libs, heap_bytes=1_000_000)
        mine = self.target.i2c(0, 0, 1)
        if not boards:
            self.bus = world.i2c_host(
                1, mine, baudrate=hz, faults=faults, controller="pi" if hz < 200_000 else "gpio"
            )
            self.host = connect()
            return
        options = f"sda=0&scl=1&freq={hz}" + "&ready=2" * ready
        self.caller = world.board(
            f"c{number}", main=CONTROLLER.replace("OPTIONS", options), libs=libs,
            heap_bytes=1_000_000,
        )  # fmt: skip
        if ready:
            world.wire(self.target.pin(2), self.caller.pin(2))
        self.bus = world.i2c(mine, self.caller.i2c(0, 0, 1), pull_ups=True, faults=faults)
        self.host = picolink.connect(self.caller.usb_path, timeout_s=10)

    def ask(self, command: str, *arguments: object) -> object:
        """A call of the target."""
        if self.caller is None:
            return self.host.call(command, *arguments, timeout_s=30)
        return self.host.call("ask", command, *arguments, timeout_s=60)

    def relay(self, first: int, n: int) -> tuple[int, str]:
        """Has the target note these, one by one: how far that came, and why not further."""
        if self.caller is not None:
            at, why = self.host.call("relay", first, n, timeout_s=300)
            return at, why
        for i in range(first, first + n):
            try:
                assert self.host.call("note", i, timeout_s=30) == i
            except PicolinkError as error:
                return i, type(error).__name__
        return first + n, ""

    def noted(self) -> list[int]:
        """What the target noted, over all its resets. The log has room for some thousands: call it
        now and then."""
        log = self.target.log_text()
        known = self._log[-200:]
        assert known in log
        self._log = log
        new = log[log.rindex(known) + len(known) if known else 0 :]
        self._noted += [int(i) for i in re.findall(r"noted (\d+)\r", new)]
        return self._noted

    def close(self) -> None:
        self.host.close()
        self.bus.close()
        self.target.kill()
        if self.caller is not None:
            self.caller.kill()


def connect() -> picolink.Board:
    host = picolink.Node("host", max_message_bytes=1 << 20)
    host.command(name="echo")(lambda value: value)
    end = time.monotonic() + 20
    while True:
        try:
            return picolink.connect("i2c:1/0x43", node=host)
        except CannotConnect:  # it boots
            assert time.monotonic() < end


@pytest.fixture
def pair(world: World) -> Iterator[Callable[..., Pair]]:
    made: list[Pair] = []

    def make(
        hz: int = 400_000, boards: bool = False, faults: I2cFaults | None = None,
        ready: bool = False,
    ) -> Pair:  # fmt: skip
        made.append(Pair(world, hz, boards, faults or I2cFaults(), ready))
        return made[-1]

    yield make
    for each in made:
        each.close()
