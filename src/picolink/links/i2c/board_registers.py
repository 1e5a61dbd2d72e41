"""A board as I2C target without a mailbox, `i2c-registers:0/0x43`: for scripts that write a bare
byte and read one.

The firmware takes such a byte for a pointer into memory. So this target has none, and an interrupt
serves each byte, while the clock is held: it may neither allocate nor raise, else it is switched
off and the bus stands still.
"""

import io

from machine import Pin
from micropython import schedule

from ...core.errors import CannotConnect
from ..ctrl_c import ctrl_c
from .board import open_buses
from .board_serving import Polled

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_COUNT = 16


class RegisterTarget(io.IOBase):
    """The target, as a listener to which no picolink node ever comes."""

    def __init__(self, number: int, address: int, pins: "dict[str, Any]", make: "Any") -> None:
        self.address = "i2c-registers:%d/0x%02x" % (number, address)
        self._number = number
        self._how = (address, pins, make)
        self._registers: Any = None
        self._values = bytearray(_COUNT)  # as the controller reads them, from register 0 on
        self._got = bytearray(_COUNT)  # what came at once
        self._count = 0  # bytes of this write so far
        self._first = 0
        self._due = 0  # of an event
        self._at = self._there = 0  # of what came at once: taken, and in all
        self._on_event = self._event  # an object of its own, made now
        self._i2c: Any = None
        self.resume()

    def resume(self) -> None:
        """Answers the controller (again)."""
        address, pins, make = self._how
        pins = {name: Pin(pin) for name, pin in pins.items()}
        i2c = self._i2c = make(self._number, address, **pins)
        self._flags = i2c.irq().flags
        self._readinto = i2c.readinto
        self._write = i2c.write
        i2c.irq(
            self._on_event,
            make.IRQ_READ_REQ | make.IRQ_WRITE_REQ | make.IRQ_END_WRITE,
            hard=True,
        )

    def pause(self) -> None:
        """Answers no more, for a while."""
        i2c, self._i2c = self._i2c, None
        if i2c is not None:
            i2c.deinit()

    def _event(self, _: "Any") -> None:
        # IRQ_READ_REQ 4, IRQ_WRITE_REQ 8, IRQ_END_WRITE 32. No allocation from here on.
        self._due = self._flags()
        while self._due:
            try:
                self._serve()
            except KeyboardInterrupt:  # the program's; here what is due is done all the same
                schedule(ctrl_c, None)

    def _serve(self) -> None:
        # What is done is noted before the next jump, at which a Ctrl-C may arise.
        if self._due & 4:
            self._due &= ~4
            self._write(self._values)
        if self._due & 8:
            self._due &= ~8
            self._there = self._readinto(self._got)
            self._at = 0
        while self._at < self._there:
            # A byte alone is for register 0; of several the first says for which they are.
            byte = self._got[self._at]
            if self._count == 0:
                self._first = byte
            else:
                self._values[(self._first + self._count - 1) & 15] = byte
            self._count += 1
            self._at += 1
        if self._due & 32:
            if self._count == 1:
                self._values[0] = self._first
            self._count = 0
        self._due = 0

    def watch(self, node: "Any", callback: "Callable[[], None]") -> "Any":
        """Serves the node's registers, until what it returns is stopped."""
        registers = getattr(node, "registers", None)
        if registers is None:
            raise CannotConnect("this program has no registers: declare them with @node.register")
        self._registers = registers.serve(self._values)
        return node.host.watch(Polled(self), self._registers.look)

    def ioctl(self, request: int, flags: int) -> int:
        """For select.poll."""
        if request != 3:
            return -22
        return flags & 1 if self._registers.pending() else 0

    def accept(self) -> None:
        """Nobody dials here."""

    def close(self) -> None:
        """Answers no more."""
        open_buses.pop(self._number, None)
        self.pause()
        if self._registers is not None:
            self._registers.close()
