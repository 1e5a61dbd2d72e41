"""I2C between two boards, and what a board does meanwhile: collections, flash writes, resets."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from both import SEED, count
from i2c_programs import CONTROLLER, TARGET

import picolink
from picolink.core.errors import CannotConnect, PicolinkError
from picolink.packing import compile_all
from picolink.sim import VirtualBoard, World
from picolink.sim.i2c.faults import I2cFaults
from picolink.sim.i2c.wire import I2cBus

CPYTHON_ONLY = "virtual boards"


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
        libs = compile_all(["usb", "i2c"])
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
        """What the target noted, over all its resets."""
        return [int(i) for i in re.findall(r"noted (\d+)\r", self.target.log_text())]

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


KINDS = [(400_000, True), (400_000, False), (100_000, False), (100_000, True)]


@pytest.mark.parametrize("hz,boards", KINDS)
def test_nothing_is_lost_or_doubled_while_a_board_lives_its_life(
    pair: Callable[..., Pair], hz: int, boards: bool
) -> None:
    n = count(10_000)
    two = pair(hz, boards)
    unknown: set[int] = set()
    at = 0
    events = ["collect", "save", "save at once", "reset"] * 2 + ["collect"]
    for number, event in enumerate(events):
        end = n * (number + 1) // len(events)
        while at < end:
            at, why = two.relay(at, end - at)
            if why:
                assert why in ("Unknown", "NotDone"), why
                if why == "Unknown":
                    unknown.add(at)
                    at += 1
        if event == "reset":
            two.target.reset()
        elif event == "collect":
            two.ask("collect")
        else:
            two.ask("save", event == "save")
    two.ask("echo", "all is sent")
    noted = two.noted()
    assert sorted(noted) == noted
    assert len(set(noted)) == len(noted)
    assert set(range(n)) - set(noted) <= unknown
    assert len(unknown) <= 2  # of the resets


@pytest.mark.parametrize("boards", [True, False])
def test_streams_and_long_values(pair: Callable[..., Pair], boards: bool) -> None:
    two = pair(400_000, boards)
    n = count(4000)
    data = bytes(range(256)) * 60
    if boards:
        assert two.host.call("name", timeout_s=30) == "target"
        assert two.host.call("gather", n, timeout_s=60)
    else:
        assert list(two.host.stream("numbers", n)) == [i * 3 for i in range(n)]
    assert two.ask("echo", data) == data
    assert two.ask("back", "and the other way") == "and the other way"


FAULTS = {
    "flipped": I2cFaults(flipped=0.002),
    "nack": I2cFaults(nack=0.1),
    "stretched": I2cFaults(stretched=0.01),
}


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("boards", [True, False])
def test_on_bad_wires(pair: Callable[..., Pair], fault: str, boards: bool) -> None:
    two = pair(100_000, boards, FAULTS[fault])
    n = count(400)
    assert two.relay(0, n) == (n, "")
    data = bytes(range(256)) * 8
    assert two.ask("echo", data) == data
    assert two.noted() == list(range(n))
    counts = two.bus.counts()
    if fault == "stretched":
        assert counts["stretched"] > 0
        assert (counts["misread"] > 0) == (not boards)
    else:
        assert counts[{"nack": "nacks"}.get(fault, fault)] > 0
