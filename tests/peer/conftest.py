"""The nodes under test, and peers that say goodbye when a test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from peer.calls import Peer
from peer.links import SerialLink, TcpLink
from peer.nodes import PROGRAM, Computer
from picolink.packing import compile_all
from picolink.sim import World


@pytest.fixture(scope="session")
def computer() -> Iterator[Computer]:
    node = Computer()
    yield node
    node.end()


GROUPS = ["usb", "tcp", "describe", "stats", "time", "log", "deliver", "bench"]


@pytest.fixture(scope="session")
def board() -> Iterator[Any]:
    """A virtual board; the real MicroPython."""
    with World(seed=1) as world:
        program = PROGRAM + '\nnode.run("usb:", "tcp-listen::5263")\n'
        yield world.board("subject", main=program, libs=compile_all(GROUPS), heap_bytes=1_000_000)


DIALS = {
    "computer": lambda get: TcpLink.dial(get("computer").address),
    "board": lambda get: TcpLink.dial(get("board").address, timeout_s=10),
    "usb": lambda get: SerialLink(get("board").usb_path),
}


class Way:
    """A way to the node under test."""

    def __init__(self, name: str, request: pytest.FixtureRequest) -> None:
        self.name = name
        self.request = request
        self.links: list[TcpLink | SerialLink] = []
        self.peers: list[Peer] = []

    def link(self) -> TcpLink | SerialLink:
        """A new link."""
        link = DIALS[self.name](self.request.getfixturevalue)
        self.links.append(link)
        return link

    def peer(self, link: TcpLink | SerialLink | None = None, **about: object) -> Peer:
        """A peer that is attached, over a new link unless one is given."""
        peer = self.unattached(**about)
        peer.dial(link or self.link(), timeout_s=5)
        return peer

    def unattached(self, **about: object) -> Peer:
        peer = Peer(**about)
        self.peers.append(peer)
        return peer

    def end(self) -> None:
        for peer in self.peers:
            if peer.attach is not None and not peer.attach.link.closed:
                link = peer.attach.link
                peer.goodbye()
                if isinstance(link, SerialLink):  # closed too early, its last bytes may be lost
                    link.send(b"\x80none" + bytes(4))
                    while link.receive(0.5) not in (b"\x47none", None):
                        pass
        for link in self.links:
            link.close()


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


@pytest.fixture
def usb(request: pytest.FixtureRequest) -> Iterator[Way]:
    """The board's USB port."""
    yield from _way("usb")(request)


@pytest.fixture
def peer(way: Way) -> Peer:
    """An attached peer."""
    return way.peer()
