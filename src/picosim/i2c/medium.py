"""The bus: transfers one after the other, bit by bit at the pace of its clock.

A transfer is a generator that yields how many bits it has put on the wires, or None where a target
holds the clock low; the bus keeps the time. It runs ahead of the time by no more than `AHEAD_S`,
so that every byte is read and written when it is on the wires: a program that changes several
bytes meanwhile is seen in the midst of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator

from picosim.base.events import EventLoop, Timer
from picosim.i2c.damage import Damage
from picosim.i2c.faults import I2cFaults
from picosim.i2c.transfer import NACK, STUCK, TIMEOUT, Device, Message, Transfer

AHEAD_S = 0.0002
LATE_S = 0.005
"""A computer that is later than this makes the bus slower, not the bits come all at once."""
SETTLE_S = 0.05
"""So long a transfer waits for handlers that the computer is late with."""
POLL_S = 0.0005
"""How often a target that holds the clock low is looked at, should its message not come."""
STRETCH_S = 1.2e-6

Script = Generator[float | None, None, None]


class Bus:
    """Devices, transfers and the wires between them."""

    def __init__(self, loop: EventLoop, faults: I2cFaults, pull_ups: bool, seed: str) -> None:
        self._loop = loop
        self.faults = faults
        self.devices: list[Device] = []
        self._queue: deque[Transfer] = deque()
        self._held_by: object = None  # no STOP yet
        self._last: list[Device] = []  # whom the transfer without STOP has addressed
        self._script: Script | None = None
        self._transfer: Transfer | None = None
        self._reading: Device | None = None  # who drives SDA
        self.on_low: Callable[[bool, bool], None] = lambda sda, scl: None
        self._low = (False, False)
        self._clock = 0.0
        self._began = 0.0
        self._timer: Timer | None = None
        self._waiting_since: float | None = None
        self._since = time.monotonic()
        self.counts = {
            "transfers": 0, "bits": 0, "bytes": 0, "nacks": 0, "timeouts": 0, "stretched": 0,
            "misread": 0, "flipped": 0,
        }  # fmt: skip
        self._damage = Damage(faults, pull_ups, seed, self.counts)

    def transfer(self, wanted: Transfer) -> None:
        """Make a transfer when the bus is free."""
        self._queue.append(wanted)
        self._begin()

    def forget(self, controller: object, at_once: bool) -> None:
        """A controller has gone. `at_once`: what it had begun on the wires ends there; else it is
        finished, as the kernel does for a program that has ended."""
        self._queue = deque(t for t in self._queue if t.controller is not controller)
        if at_once and self._transfer and self._transfer.controller is controller:
            self._abandon()
        if self._held_by is controller:
            self._held_by = None
        self._begin()

    def _abandon(self) -> None:
        # No clock comes any more. Whoever was sending a 0 just then sends it on.
        if self._reading and self._damage.is_low():
            self._reading.left()
        self._stop_timer()
        self._script = self._transfer = self._reading = self._waiting_since = None
        self._look()

    def _look(self) -> None:
        # What the lines are like between transfers, for whoever looks at the pins.
        low = (
            self.faults.sda_low or any(device.holds_sda for device in self.devices),
            self.faults.scl_low or any(device.holds_scl for device in self.devices),
        )
        if low != self._low:
            self._low = low
            self.on_low(*low)

    def set_faults(self, faults: I2cFaults) -> None:
        """From now on the bus is this bad."""
        self.faults = self._damage.faults = faults
        self._look()

    def woken(self) -> None:
        """A target may be ready now."""
        if self._waiting_since is not None:
            self._advance()
        elif not self._script:
            self._look()

    def count(self) -> dict[str, int]:
        """What went over the wires so far, and how long that was, in microseconds."""
        return self.counts | {"elapsed_us": int((time.monotonic() - self._since) * 1e6)}

    # -- time

    def _begin(self) -> None:
        if self._script:
            return
        for wanted in self._queue:
            if self._held_by is None or wanted.controller is self._held_by:
                break
        else:
            return
        self._queue.remove(wanted)
        self._transfer = wanted
        self._clock = self._began = max(self._clock, time.monotonic())
        self._script = self._run(wanted)
        self.counts["transfers"] += 1
        self._advance()

    def _advance(self) -> None:
        self._stop_timer()
        now = time.monotonic()
        if self._waiting_since is not None:
            self._clock = max(self._clock, now)  # that long the clock was held low
            self._waiting_since = None
        assert self._script and self._transfer
        bit_s = 1 / self._transfer.frequency_hz
        while True:
            if self._clock > now + AHEAD_S:
                self._timer = self._loop.at(self._clock, self._advance)
                return
            self._clock = max(self._clock, now - LATE_S)
            try:
                bits = next(self._script)
            except StopIteration:
                self._finish()
                return
            if bits is None:
                self._waiting_since = now
                self._timer = self._loop.at(now + POLL_S, self._advance)
                return
            self._clock += bits * bit_s
            self.counts["bits"] += int(bits)

    def _finish(self) -> None:
        if self._clock > time.monotonic():  # the last bits
            self._timer = self._loop.at(self._clock, self._finish)
            return
        done = self._transfer
        assert done
        self._timer = self._script = self._transfer = self._reading = None
        self._look()
        done.done(done)
        self._begin()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _spent_s(self) -> float:
        return self._clock - self._began

    # -- the transfer

    def _run(self, transfer: Transfer) -> Script:
        free = yield from self._free_lines(transfer)
        if not free:
            return
        addressed = self._last if self._held_by is transfer.controller else []
        self._held_by, self._last = None, []
        for message in transfer.messages:
            device = yield from self._address(transfer, message)
            if device is None:
                transfer.failed = NACK
                self.counts["nacks"] += 1
                break
            if device not in addressed:
                addressed.append(device)
            if message.read:
                yield from self._read(transfer, message, device)
            else:
                yield from self._write(transfer, message, device)
            if transfer.failed:
                break
        if transfer.failed == TIMEOUT:
            self.counts["timeouts"] += 1
        if transfer.stop or transfer.failed:
            yield 1
            for device in addressed:
                if not device.holds_scl:  # there can be no STOP then
                    device.stopped()
        else:
            self._held_by, self._last = transfer.controller, addressed

    def _stuck(self, transfer: Transfer) -> str:
        if not transfer.attached():
            return ""  # it has other wires: nobody answers there
        if self.faults.scl_low or any(device.holds_scl for device in self.devices):
            return "SCL"
        if self.faults.sda_low or any(device.holds_sda for device in self.devices):
            return "SDA"
        return ""

    def _free_lines(self, transfer: Transfer) -> Generator[float | None, None, bool]:
        # A controller that finds a line low waits for it; nothing else can go on meanwhile.
        only_asks = transfer.probes and not transfer.messages[0].size
        while True:
            low = self._stuck(transfer)
            if not low:
                return True
            if only_asks and low == "SDA":
                yield 11  # whoever is asked: SDA is low, which means yes
                self._clocks()
                return False
            if transfer.buggy and self._clocks():  # it begins all the same, and that helps
                yield 11
                transfer.failed = NACK
                return False
            if self._spent_s() > transfer.timeout_s:
                transfer.failed = STUCK
                self.counts["timeouts"] += 1
                return False
            yield None

    def _clocks(self) -> bool:
        # Clocks without sense: a target that was left in the midst of a byte sends the rest of it.
        helped = [device.clocked() for device in self.devices]
        return True in helped

    def _address(
        self, transfer: Transfer, message: Message
    ) -> Generator[float | None, None, Device | None]:
        until = time.monotonic() + SETTLE_S
        while not all(device.settled for device in self.devices) and time.monotonic() < until:
            yield None
        yield 10  # START or repeated START, address, ACK
        there = transfer.attached() and not self.faults.cut
        for device in self.devices:
            if there:
                device.started()
        if not there or self._damage.nacked():
            return None
        asked = self._damage.damaged(message.address << 1 | message.read, transfer)
        if asked & 1 != message.read:
            return None
        for device in self.devices:
            if device.answers(asked >> 1):
                return device
        return None

    def _write(self, transfer: Transfer, message: Message, device: Device) -> Script:
        for byte in message.data:
            arriving = self._damage.damaged(byte, transfer)
            yield 9
            if getattr(device, "gone", False):
                transfer.failed = NACK
                self.counts["nacks"] += 1
                return
            held_since = self._clock
            while not device.write(arriving):
                if self._held_too_long(transfer, held_since):
                    return
                yield None
            if self._spent_s() > transfer.timeout_s:
                transfer.failed = TIMEOUT
                return
            transfer.written += 1
            self.counts["bytes"] += 1

    def _read(self, transfer: Transfer, message: Message, device: Device) -> Script:
        self._reading = device
        for _ in range(message.size):
            held_since = self._clock
            byte = device.read()
            waited = byte is None
            while byte is None:
                if self._held_too_long(transfer, held_since):
                    return
                yield None
                byte = device.read()
            late = waited or self._damage.is_late(transfer, device)
            if late:
                self.counts["stretched"] += 1
                self._clock += 0 if waited else STRETCH_S
                byte = self._damage.misread(transfer, byte, waited)
            yield 9
            if self._spent_s() > transfer.timeout_s:
                transfer.failed = TIMEOUT
                return
            transfer.answer.append(self._damage.damaged(byte, transfer))
            self.counts["bytes"] += 1
        self._reading = None
        device.read_ended()

    def _held_too_long(self, transfer: Transfer, held_since: float) -> bool:
        held_s = time.monotonic() - held_since
        if held_s > transfer.stretch_s or self._spent_s() > transfer.timeout_s:
            transfer.failed = TIMEOUT
        return bool(transfer.failed)
