"""The nodes under test, and peers that say goodbye when a test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from peer.calls import Peer
from peer.listening import Listening
from peer.nodes import PROGRAM, Computer
from peer.ways import DIALS, Way
from picolink.packing import compile_all
from picosim import World


@pytest.fixture(scope="module")
def computer() -> Iterator[Computer]:
    node = Computer()
    yield node
    node.end()


GROUPS = ["usb", "tcp", "describe", "stats", "time", "log", "deliver", "bench"]


@pytest.fixture(scope="module")
def board() -> Iterator[Any]:
    """A virtual board; the real MicroPython."""
    with World(seed=1) as world:
        program = PROGRAM + '\nnode.run("usb:", "tcp-listen::5263")\n'
        yield world.board("subject", main=program, libs=compile_all(GROUPS), heap_bytes=1_000_000)


def _way(name: str) -> Callable:
    def way(request: pytest.FixtureRequest) -> Iterator[Way]:
        made = Way(name, request)
        yield made
        made.end()

    return way


@pytest.fixture(params=list(DIALS))
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """Each way in turn."""
    yield from _way(request.param)(request)


@pytest.fixture
def tcp(request: pytest.FixtureRequest) -> Iterator[Way]:
    """The CPython node, where one way tells enough."""
    yield from _way("computer")(request)


@pytest.fixture(params=["computer", "board"])
def tcps(request: pytest.FixtureRequest) -> Iterator[Way]:
    """Both nodes, over TCP, where many connections are wanted."""
    yield from _way(request.param)(request)


@pytest.fixture
def wifi(request: pytest.FixtureRequest) -> Iterator[Way]:
    """The board, over TCP."""
    yield from _way("board")(request)


@pytest.fixture
def usb(request: pytest.FixtureRequest) -> Iterator[Way]:
    """The board's USB port."""
    yield from _way("usb")(request)


@pytest.fixture
def peer(way: Way) -> Peer:
    """An attached peer."""
    return way.peer()


@pytest.fixture
def listening() -> Iterator[Listening]:
    """A listening peer for picolink to dial."""
    made = Listening()
    yield made
    made.end()
