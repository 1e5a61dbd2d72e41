"""Ways to the nodes under test: TCP to CPython, TCP and USB to a virtual board."""

from __future__ import annotations

import pytest

from peer.calls import Peer
from peer.links import SerialLink, TcpLink

DIALS = {
    "computer": lambda get: TcpLink.dial(get("computer").address),
    "board": lambda get: TcpLink.dial(get("board").address, timeout_s=10),
    "usb": lambda get: SerialLink(get("board").usb_path),
}


def answered(link: TcpLink | SerialLink) -> None:
    """Waits until all was heard that was said on a link: the answer to what is of no session."""
    link.send(b"\x80none" + bytes(4))
    while link.receive(2) not in (b"\x47none", None):
        pass


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

    def clear(self) -> None:
        """Makes room on the node: four peers take the places of dormant ones (4.19), and go."""
        peers = []
        over_tcp = DIALS["computer" if self.name == "computer" else "board"]
        for _ in range(4):
            self.links.append(over_tcp(self.request.getfixturevalue))
            peers.append((self.peer(self.links[-1]), self.links[-1]))
        for peer, link in peers:
            peer.goodbye()
            answered(link)  # over another link the next peer may be heard first

    def end(self) -> None:
        for peer in self.peers:
            if peer.attach is not None and not peer.attach.link.closed:
                link = peer.attach.link
                peer.goodbye()
                if isinstance(link, SerialLink):  # closed too early, its last bytes may be lost
                    answered(link)
        for link in self.links:
            link.close()
