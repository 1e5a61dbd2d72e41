"""One chip on the bench: its REPL, and a node of a host at its USB cable, both by its own time.

Nothing here waits for the world outside, so that figures are the same on every machine.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from rp2040py.execute_batch import execute_batch

from picolink.core.dialer import Dialer
from picolink.core.port import Port
from picolink.core.session import Session
from picolink.core.textstream import PROMPT, Decoder, encode
from picolink.node.node import Node
from picolink.sim.rp2040 import firmware
from picolink.sim.rp2040.chip import Chip


class Pace(Protocol):
    """A chip, or several in step (`together`)."""

    def run_until(self, done: Callable[[], bool], most_s: float) -> bool:
        """Run until `done()`, or for so long; False then."""


UID = bytes.fromhex("e66164084322aa55")
_FIRST_MS = 1000


def _forget_the_world() -> None:
    """The emulator's loop pauses after some real milliseconds, and its clock ticks then: a little
    earlier or later on each run. A chip's slices are short, so that it need not."""
    loop: Any = sys.modules[execute_batch.__module__]
    loop.time = SimpleNamespace(monotonic=lambda: 0.0)


class Lab:
    """A board with `files` on it, whose port a host has open.

    `text` is what it printed. `run` executes code at its raw REPL; `connect` makes a host's node
    talk to its node, then `call` calls. With `pace` it runs in step with others.
    """

    def __init__(
        self,
        path: Path,
        files: Mapping[str, bytes] | None = None,
        opened: bool = True,
        unique_id: bytes = UID,
    ) -> None:
        _forget_the_world()
        self.text = bytearray()
        self._heard: Callable[[bytes], object] = self.text.extend
        self.chip = Chip(firmware.read(path), unique_id, self._received, files=files)
        self.pace: Pace = self.chip
        self.chip.usb.opened = opened
        self.host: Node | None = None
        self.wire: list[bytes] = []

    def _received(self, data: bytes) -> None:
        self._heard(data)

    def wait_text(self, what: bytes, most_s: float = 10) -> bytes:
        """Run until `what` was printed; returns all up to its end, which is then forgotten."""
        if not self.pace.run_until(lambda: what in self.text, most_s):
            raise TimeoutError(f"{what!r} did not come; {bytes(self.text[-2000:])!r}")
        end = self.text.find(what) + len(what)
        data = bytes(self.text[:end])
        del self.text[:end]
        return data

    def run(self, code: str, most_s: float = 10) -> bytes:
        """What code prints at the raw REPL, whose state stays for the next."""
        if not getattr(self, "_raw", False):
            self.chip.usb.send(b"\r\x03\x01")
            self.wait_text(b"raw REPL; CTRL-B to exit\r\n>")
            self._raw = True
        self.chip.usb.send(code.encode() + b"\x04")
        out = self.wait_text(b"\x04>", most_s)
        printed, error = out[out.find(b"OK") + 2 : -2].split(b"\x04")
        if error:
            raise RuntimeError(error.decode())
        return printed

    # -- a node of a host

    def now_ms(self) -> int:
        """The host's clock."""
        return _FIRST_MS + int(self.chip.now_s * 1000)

    def connect(self, most_s: float = 10) -> None:
        """Dial the board's node."""
        node = self.host = Node("lab", b"host-lab-uid")
        node.endpoint.random = random.Random(0).randbytes  # the same on every run
        node.now_ms = self.now_ms
        node.host = _Wires()
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


class _Wires:
    due_ms = 0

    def call_by(self, at_ms: int) -> None:
        pass
