"""`picolink time` at a virtual board."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from picolink.packing import compile_all
from picosim import VirtualBoard, World

Run = Callable[..., "tuple[int, str, str]"]

# Says the time only when it is asked for it; what it has been told first, it keeps for a day.
PROGRAM = """
from picolink import Node
import picolink.net.timekeeping as keeping
for name in keeping.TIMES:
    keeping.TIMES[name] = max(1, int(keeping.TIMES[name] * 1000))
Node("late").run("usb:")
"""


@pytest.fixture(scope="module")
def late(world: World) -> VirtualBoard:
    board = world.board("late", main=PROGRAM, libs=compile_all(["usb", "time"]))
    board.wait_ready()
    return board


def test_a_board_is_set_from_here(late: VirtualBoard, picolink: Run) -> None:
    code, out, err = picolink("time", "usb:late", "--set", "--zone", "America/New_York")
    assert (code, err) == (0, "") and out.splitlines()[0].endswith("(as here)")
    assert " E" in out and out.splitlines()[1] == "told by a peer"
    told = json.loads(picolink("time", "usb:late", "--json")[1])
    assert told["quality"] == "peer" and told["zone"] == "EST5EDT,M3.2.0,M11.1.0"
    assert abs(told["ahead_ms"]) < 500 and told["text"][:2] == "20"


def test_a_place_that_is_none(late: VirtualBoard, picolink: Run) -> None:
    code, out, err = picolink("time", "usb:late", "--zone", "Atlantis")
    assert (code, out) == (2, "") and "no zone 'Atlantis'" in err and "Europe/Berlin" in err


def test_a_board_that_was_packed_without_says_so(board: VirtualBoard, picolink: Run) -> None:
    code, out, err = picolink("time", "usb:shed")
    assert code == 1 and out == "" and "sys.time" in err
