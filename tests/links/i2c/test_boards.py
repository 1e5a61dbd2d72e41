"""I2C between two boards, and what a board does meanwhile: collections, flash writes, resets."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest
from both import SEED, count
from i2c_pairs import Pair

import picolink
from picosim.i2c.faults import I2cFaults

CPYTHON_ONLY = "virtual boards"

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
        two.noted()
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


@pytest.mark.parametrize("boards", [True, False])
def test_through_cuts(pair: Callable[..., Pair], boards: bool) -> None:
    two = pair(400_000, boards)
    n = count(2000)
    data = bytes(range(256)) * 80
    over = threading.Event()
    moments = random.Random(SEED)
    cuts = 0

    def cutting() -> None:
        nonlocal cuts
        while not over.wait(0.05 + moments.random() * 0.3):
            two.bus.cut()
            over.wait(0.05 + moments.random() * 0.1)
            two.bus.mend()
            cuts += 1

    thread = threading.Thread(target=cutting)
    thread.start()
    done = 0
    try:
        while cuts < 3 or not done:
            assert two.relay(done * n, n) == (done * n + n, "")
            assert two.ask("echo", data) == data
            done += 1
            assert two.noted() == list(range(done * n))
    finally:
        over.set()
        thread.join()


def test_the_controlling_board_is_reset(pair: Callable[..., Pair]) -> None:
    two = pair(400_000, boards=True)
    assert two.relay(0, 10) == (10, "")
    for turn in range(1, count(20, 2) + 1):
        assert two.caller is not None
        two.caller.reset()
        deadline = time.monotonic() + 30
        while True:
            try:
                assert two.relay(10 * turn, 10) == (10 * turn + 10, "")
                break
            except picolink.CallError:  # of the host over USB: nothing was noted yet
                assert time.monotonic() < deadline
                assert two.noted() == list(range(10 * turn))
    assert two.ask("back", "still") == "still"


def test_two_boards_on_a_slow_bus(pair: Callable[..., Pair]) -> None:
    two = pair(10_000, boards=True)
    assert two.relay(0, 3) == (3, "")
    assert two.ask("echo", "e" * 300) == "e" * 300


@pytest.mark.parametrize("boards", [True, False])
def test_a_command_that_blocks_the_target(pair: Callable[..., Pair], boards: bool) -> None:
    two = pair(400_000, boards)
    assert two.ask("block", 1.2) == "awake"
    assert two.ask("echo", 1) == 1


@pytest.mark.parametrize("boards", [True, False])
def test_the_target_is_gone_for_long(pair: Callable[..., Pair], boards: bool) -> None:
    # Longer than the link waits: it is opened anew when the target is back.
    two = pair(400_000, boards)
    assert two.relay(0, 5) == (5, "")
    two.bus.cut()
    if boards:
        deadline = time.monotonic() + 20
        while two.host.call("why", timeout_s=5) == "":
            assert time.monotonic() < deadline
    else:
        deadline = time.monotonic() + 20
        while two.host.why == "":
            assert time.monotonic() < deadline
        assert "does not answer any more" in two.host.why or "nobody answers" in two.host.why
    two.bus.mend()
    assert two.relay(5, 5) == (10, "")
    assert two.noted() == list(range(10))


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
    if not boards and fault != "nack":
        assert two.host.node.drivers[0].link.damaged > 0  # type: ignore[attr-defined]
    counts = two.bus.counts()
    if fault == "stretched":
        assert counts["stretched"] > 0
        assert (counts["misread"] > 0) == (not boards)
    else:
        assert counts[{"nack": "nacks"}.get(fault, fault)] > 0
