"""Asks on an open link who is there, and leaves no trace. Host only.

A hello that is answered, and never confirmed, is forgotten by the other side (spec 4.21). So a
greeting tells a node's name and whether it would talk to us, and disturbs nobody.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Any

from ...core.dialer import Dialer
from ...core.endpoint import Endpoint
from ...core.errors import LinkError
from ...core.packets import FRESH
from ...core.port import Port
from ...core.session import Session


def now_ms() -> int:
    """Milliseconds that only grow."""
    return time.monotonic_ns() // 1_000_000


class _Asking(Dialer):
    """Notes besides that the answer was in another version of the protocol."""

    def other_version(self, version: int, now_ms: int) -> None:
        """The answer is in another version of the protocol."""
        assert isinstance(self.owner, Greeting)
        self.owner.other_version = True
        super().other_version(version, now_ms)


class Greeting:
    """One hello, said until it is answered, on a link that is open."""

    def __init__(self, link: Any) -> None:
        self.link = link
        self.heard = b""  # text: what was no packet
        self.packets = 0  # whole ones, of whomever but ourselves
        self._last = b""  # sent
        self.name = ""  # of the node that answered
        self.uid = b""
        self.refusal = ""  # why it does not talk to us
        self.other_version = False  # of the protocol: that is why
        self.lost = ""  # why the link was lost
        self._poll = select.poll()
        self._ready = threading.Event()  # of a link without a file descriptor
        if link.pollable is None:
            link.on_ready = self._ready.set
            self._ready.set()
        else:
            self._poll.register(link.pollable, select.POLLIN)
        self._endpoint = Endpoint(b"look" + os.urandom(8), "doctor", self, os.urandom)
        self._port = Port(link.mtu_bytes, link.takes_bytes, link.window_bytes)
        self._session = self._endpoint.new_session(os.urandom(8))
        self._dialer: Dialer | None = None
        link.on_text = self._on_text

    @property
    def answered(self) -> bool:
        """Whether a node has answered, be it with a refusal."""
        return bool(self.uid or self.refusal)

    @property
    def echoed(self) -> bool:
        """Whether our own hello came back."""
        return self._port.echoes

    def ask(self, timeout_ms: int, text_ends: bool = False) -> bool:
        """Says hello, several times, until a node answers; whether one did. `text_ends`: where
        text comes there is none."""
        end_ms = now_ms() + timeout_ms
        self._dialer = _Asking(self._endpoint, self._port, self._session, self, now_ms())
        while not (self.answered or self.lost or (text_ends and self.heard)):
            if now_ms() >= end_ms:
                break
            self._endpoint.tick(self._port, now_ms())
            while (packet := self._endpoint.next_packet(self._port, now_ms())) is not None:
                self._send(packet)
            self._receive(min(end_ms, self._dialer.due_ms) - now_ms())
        self._port.dialer = None
        return self.answered

    def count_answers(self, hellos: int, wait_ms: int) -> int:
        """Says hello so often, one after the other; how many answers come, each within its time."""
        dialer = self._dialer
        assert dialer is not None and self.answered
        count = 0
        for _ in range(hellos):
            before = self.packets
            self._port.queue.clear()
            self._endpoint.say_hello(dialer.attach, FRESH, 0, now_ms())
            for packet in self._port.queue:
                self._send(packet)
            end_ms = now_ms() + wait_ms
            while self.packets == before and not self.lost and now_ms() < end_ms:
                self._receive(end_ms - now_ms())
            count += self.packets > before
            self.link.give_up()
        return count

    def wait(self, milliseconds: int) -> bytes:
        """The text that comes within this time."""
        heard = len(self.heard)
        end_ms = now_ms() + milliseconds
        while not self.lost and (left_ms := end_ms - now_ms()) > 0:
            self._receive(left_ms)
        return self.heard[heard:]

    def _receive(self, timeout_ms: int) -> None:
        if self.link.pollable is None:
            self._ready.wait(max(0, timeout_ms) / 1000)
            self._ready.clear()
        elif not self._poll.poll(max(0, timeout_ms)):
            return
        try:
            for packet in self.link.receive():
                self.packets += packet != self._last
                if self._port.dialer is not None:
                    self._endpoint.receive(self._port, packet, now_ms())
        except (LinkError, OSError) as error:
            self.lost = str(error)

    def _send(self, packet: bytes) -> None:
        self._last = packet
        try:
            self.link.send(packet)
        except (LinkError, OSError) as error:
            self.lost = str(error)

    def _on_text(self, text: bytes) -> None:
        self.heard = (self.heard + text)[-65536:]

    # What the core tells

    def on_attach(self, session: Session, port: Port) -> None:
        """A node answered; nothing is confirmed."""
        self.uid = session.peer_uid
        self.name = session.peer_name

    def on_refused(self, session: Session, why: str) -> None:
        """A node answered that does not want us."""
        self.refusal = why

    def on_state(self, session: Session, why: str) -> None:
        """Nothing depends on it."""

    def on_message(self, session: Session, kind: int, ref: int, body: "bytes | memoryview") -> None:
        """Nobody was called."""

    def on_room(self, session: Session, room_bytes: int) -> None:
        """There is nothing to send."""

    def on_forgotten(self, session: Session) -> None:
        """There was nothing to remember."""

    def on_silence(self, session: Session) -> None:
        """`ask` ends by itself."""
