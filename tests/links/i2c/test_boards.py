"""I2C between two boards, and what a board does meanwhile: collections, flash writes, resets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from both import count
from i2c_pairs import Pair

from picolink.sim.i2c.faults import I2cFaults

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
