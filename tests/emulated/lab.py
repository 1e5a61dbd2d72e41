"""An emulated chip, and a node of a host at its USB cable, both by the chip's own time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from emulated import chip_lab

from picolink.core.dialer import Dialer
from picolink.core.port import Port
from picolink.core.session import Session
from picolink.core.textstream import PROMPT, Decoder, encode
from picolink.node.node import Node

_FIRST_MS = 1000


class Lab(chip_lab.Lab):
    """`connect` makes a host's node talk to the board's node, then `call` calls."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.host: Node | None = None
        self.wire: list[bytes] = []

    def now_ms(self) -> int:
        """The host's clock."""
        return _FIRST_MS + int(self.chip.now_s * 1000)

    def connect(self, most_s: float = 10) -> None:
        """Dial the board's node."""
        node = self.host = Node("lab", b"host-lab-uid")
        node.endpoint.random = random.Random(0).randbytes  # the same on every run
        node.now_ms = self.now_ms
        node.host = Wires()
        self._decoder = Decoder(self.text.extend)
        self.port = Port(4096)
        self.session: Session = node.endpoint.new_session(b"labsess1")
        Dialer(node.endpoint, self.port, self.session, node, self.now_ms())  # type: ignore[arg-type]
        self._heard = self._packets
        if not self.until(lambda: self.session.attach is not None, most_s):
            raise TimeoutError(f"the node there does not answer; {bytes(self.text[-2000:])!r}")

    def hang_up(self) -> None:
        """End the session and let the board notice."""
        assert self.host
        self.host.endpoint.close(self.session, self.now_ms())
        self._flush()
        self.until(lambda: False, 0.2)

    def _packets(self, data: bytes) -> None:
        assert self.host
        for packet in self._decoder.feed(data):
            self.wire.append(packet)
            self.host.endpoint.receive(self.port, packet, self.now_ms())
        self._flush()

    def _flush(self) -> None:
        assert self.host
        while True:
            packet = self.host.endpoint.next_packet(self.port, self.now_ms())
            if packet is None:
                return
            self.chip.usb.send(encode(packet, PROMPT))

    def until(self, done: Callable[[], bool], most_s: float = 10) -> bool:
        """Run both until `done()`."""
        assert self.host

        def look() -> bool:
            if done():
                return True
            assert self.host
            self.host.endpoint.tick(self.port, self.now_ms())
            self._flush()
            return False

        return self.pace.run_until(look, most_s)

    def call(self, name: str, *args: Any, most_s: float = 60) -> Any:
        """The answer to a call."""
        call = self.session.data.caller().start(name, args, {}, None, self.now_ms())
        self._flush()
        if not self.until(lambda: call.done, most_s):
            raise TimeoutError(f"{name} was not answered; {bytes(self.text[-2000:])!r}")
        return call.result()


class Wires:
    """What a node has in place of an event loop: the chip's time is looked at instead."""

    due_ms = 0

    def call_by(self, at_ms: int) -> None:
        pass
