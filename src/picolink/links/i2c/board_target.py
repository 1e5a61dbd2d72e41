"""A board as I2C target: the firmware serves the mailbox's memory, also while Python is busy.

An interrupt tells of writes; it is a hint, that may be late or lost.
"""

import io
from os import urandom
from time import ticks_diff, ticks_ms

from machine import Pin
from micropython import schedule

from ..ctrl_c import ctrl_c
from .board import open_buses
from .board_serving import Polled
from .layout import MEMORY_BYTES, MTU_BYTES, TAKES_BYTES
from .target import Target

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_DEAF_MS = 2500  # without a write of the controller, while it should read
_SILENT_MS = 10000  # without any: its keepalive comes more often


class TargetLink(io.IOBase):
    """The link, and what asyncio polls."""

    stream = False
    reliable = False
    shared = True  # a node that serves it and dials on it has it once
    window_bytes = 0
    mtu_bytes = MTU_BYTES
    takes_bytes = TAKES_BYTES
    rest = b""
    pollable = None

    def __init__(self, number: int, address: int, pins: "dict[str, Any]", make: "Any") -> None:
        self.address = "i2c-target:%d/0x%02x" % (number, address)
        self.on_text: Callable[[bytes], object] = len
        self.box = Target(bytearray(MEMORY_BYTES), urandom(1)[0])
        if "ready" in pins:
            self.box.ready = Pin(pins.pop("ready"), Pin.OUT, value=0)
        self.pins = pins
        self._number = number
        self._address = address
        self._make = make
        self._full = False
        self._i2c: Any = None
        self._registers: Any = None  # beside the mailbox, where the node has some
        self.resume()

    def resume(self) -> None:
        """Answers the controller (again)."""
        pins = {name: Pin(pin) for name, pin in self.pins.items()}
        self._heard_ms: Any = ticks_ms()
        self._i2c = self._make(self._number, self._address, mem=self.box.memory, **pins)
        self._i2c.irq(self._written, self._make.IRQ_END_WRITE)

    def pause(self) -> None:
        """Answers no more, for a while: the controller waits. Else a flash write would hold the
        bus, and may hang it for good."""
        i2c, self._i2c = self._i2c, None
        if i2c is not None:
            i2c.deinit()

    def _written(self, _: "Any") -> None:
        try:
            self._heard_ms = ticks_ms()
            self.box.look(True)
        except KeyboardInterrupt:  # the program's
            schedule(ctrl_c, None)

    def _renew(self, silent_ms: int) -> None:
        """A flash write in spite of all may have hung the target: after a silence it is made
        anew."""
        if self._i2c is not None and ticks_diff(ticks_ms(), self._heard_ms) > silent_ms:
            self.pause()
            self.resume()

    def watch(self, node: "Any", callback: "Callable[[], None]") -> "Any":
        """Has the node call `callback` when there is something to do."""
        registers = getattr(node, "registers", None)
        if registers is not None:
            self._registers = registers.serve(self.box.memory)
        return node.host.watch(Polled(self), callback)

    def ioctl(self, request: int, flags: int) -> int:
        """For select.poll."""
        if request != 3:
            return -22
        box = self.box
        if box.packets or (self._full and not box.waiting) or box.pending():
            return flags & 1
        if self._registers is not None and self._registers.pending():
            return flags & 1
        self._renew(_SILENT_MS)
        return 0

    @property
    def damaged(self) -> int:
        """Frames that came damaged."""
        return self.box.damaged

    @property
    def unsent(self) -> bool:
        """Whether a packet waits behind the one that the controller is to read."""
        if not self.box.waiting:
            return False
        self._full = True
        self._renew(_DEAF_MS)
        return True

    def receive(self) -> "list[bytes]":
        """The packets that have come."""
        box = self.box
        self._full = False
        if box.pending():
            box.look(False)
        if self._registers is not None and self._registers.pending():
            self._registers.look()
        packets, box.packets = box.packets, []
        return packets

    def send(self, packet: bytes) -> None:
        """Puts a packet where the controller finds it."""
        self.box.send(packet)

    def write(self, text: bytes) -> None:
        """There is no text on this link."""

    def flush(self) -> None:
        """The controller reads when it likes."""

    def close(self) -> None:
        """Answers no more."""
        if self._registers is not None:
            self._registers.close()
        open_buses.pop(self._number, None)
        self.pause()
