"""A computer that controls an I2C bus of emulated chips, by the time of one of them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from emulated.chip_lab import Pace

from picosim.rp2040.i2c_bus import Bus, Replied

if TYPE_CHECKING:
    from picosim.rp2040.chip import Chip

_MOST_S = 1.0
Ask = Callable[[Replied], None]


class I2cHost:
    """A controller at `hz` that honours stretching, as `i2c-gpio` on a Raspberry Pi does. Its
    transfers return when they are done; OSError where nobody acknowledges."""

    def __init__(self, bus: Bus, chip: Chip, pace: Pace, hz: int) -> None:
        self.bus = bus
        self.bit_ns = 1e9 / hz
        self.transfers = 0
        self._chip = chip
        self._pace = pace
        self._ns = 0.0
        self._done = True
        self._failed = 0
        bus.parties.append(self)

    def write(self, address: int, data: bytes) -> None:
        """START, address, data, STOP."""
        self.transfer(address, data)

    def read(self, address: int, n: int) -> bytes:
        """START, address, n bytes, STOP."""
        return self.transfer(address, n)

    def read_mem(self, address: int, register: int, n: int) -> bytes:
        """A pointer, a repeated START, n bytes."""
        return self.transfer(address, bytes((register,)), n)

    def transfer(self, address: int, *parts: bytes | int) -> bytes:
        """Parts with a repeated START between them: bytes to be written, or how many to read."""
        got = bytearray()
        self._done, self._failed = False, 0
        self.transfers += 1
        steps = self._steps(address, parts, got)

        def go_on(value: int, ns: float) -> None:
            self._ns = ns
            try:
                ask = steps.send(value)
            except StopIteration:
                self._done = True
            else:
                ask(go_on)

        def begin() -> None:
            if self.bus.owner is None:
                self._ns = self._chip.now_ns
                next(steps)(go_on)
            else:
                self.bus.wait(self, begin)

        begin()
        if not self._pace.run_until(lambda: self._done, _MOST_S):
            self.bus.lost(self, self._chip.now_ns)
            raise OSError(errno.ETIMEDOUT, "SCL is held low")
        if self._failed:
            raise OSError(self._failed, "nobody acknowledged")
        return bytes(got)

    def _steps(
        self, address: int, parts: tuple[bytes | int, ...], got: bytearray
    ) -> Generator[Ask, int, None]:
        bus = self.bus
        for part in parts:
            read = isinstance(part, int)
            yes = yield lambda done, r=read: bus.begin(  # type: ignore[misc]
                self, address, r, self._ns, self.bit_ns, done
            )
            if yes and isinstance(part, int):
                for left in range(part, 0, -1):
                    got.append((yield lambda done: bus.read(self, self._ns, done)))
                    self._ns = bus.acknowledge(left > 1, self._ns)
            elif yes:
                for value in part if isinstance(part, bytes) else b"":
                    yes = yield lambda done, v=value: bus.write(self, v, self._ns, done)  # type: ignore[misc]
                    if not yes:
                        break
            if not yes:
                self._failed = errno.EREMOTEIO
                break
        end_ns = bus.stop(self, self._ns)
        yield lambda done: self.at(end_ns, lambda: done(0, end_ns))

    # What the bus tells. It is no target.

    @property
    def block(self) -> I2cHost:
        """Itself."""
        return self

    def at(self, ns: float, callback: Callable[[], None]) -> None:
        """Have `callback` called when the clock is there; never at once, since a chip that was
        busy for long would be followed too deep."""
        chip = self._chip
        chip.clock.create_alarm(callback).schedule(max(0.0, ns - chip.now_ns))

    def started(self, again: bool) -> None:
        """Somebody made a START."""

    def addressed(self, address: int, read: bool) -> bool:
        """It is no target."""
        return False

    def offered(self, value: int, ns: float, reply: Replied) -> None:
        """It is no target."""

    def asked(self, ns: float, reply: Replied) -> None:
        """It is no target."""

    def answered(self, more: bool) -> None:
        """It is no target."""

    def stopped(self, addressed: bool) -> None:
        """Somebody made a STOP."""
