"""One chip on the bench, and what it says at its USB cable, by its own time.

Nothing here waits for the world outside, so that figures are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from rp2040py.execute_batch import execute_batch

from picosim.rp2040 import firmware
from picosim.rp2040.chip import Chip


class Pace(Protocol):
    """A chip, or several in step (`together`)."""

    def run_until(self, done: Callable[[], bool], most_s: float) -> bool:
        """Run until `done()`, or for so long; False then."""


UID = bytes.fromhex("e66164084322aa55")


def _forget_the_world() -> None:
    """The emulator's loop pauses after some real milliseconds, and its clock ticks then: a little
    earlier or later on each run. A chip's slices are short, so that it need not."""
    loop: Any = sys.modules[execute_batch.__module__]
    loop.time = SimpleNamespace(monotonic=lambda: 0.0)


class Lab:
    """A board with `files` on it, whose port a host has open.

    `text` is what it printed; `run` executes code at its raw REPL. With `pace` it runs in step with
    others.
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
