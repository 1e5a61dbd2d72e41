"""What chance does to the bytes on a bus."""

from __future__ import annotations

import random

from picosim.i2c.faults import I2cFaults
from picosim.i2c.transfer import Device, Transfer

PULLED_BY_PICOS_HZ = 300_000
"""What two Picos' own pull-ups (about 60 kOhm each) make of a byte: at this clock all are wrong."""
UNLUCKY = 0.05
"""Share of the bytes after a long stretch that a Raspberry Pi reads wrong: those that the target
releases just before the controller's next edge, which then gives a clock too short to be seen."""


class Damage:
    """Faults by the seed."""

    def __init__(
        self, faults: I2cFaults, pull_ups: bool, seed: str, counts: dict[str, int]
    ) -> None:
        self.faults = faults
        self._pull_ups = pull_ups
        self._counts = counts
        # One of chance's sequences each, so that one fault does not move the others.
        self._chance = {
            what: random.Random(f"{seed}/{what}")
            for what in ("flipped", "bit", "nack", "stretched", "misread", "weak", "left")
        }

    def nacked(self) -> bool:
        """Whether nobody acknowledges this address, whoever is there."""
        return self._chance["nack"].random() < self.faults.nack

    def is_low(self) -> bool:
        """Whether a target that is left in the midst of a byte holds SDA low."""
        return self._chance["left"].random() < 0.5

    def is_late(self, transfer: Transfer, device: Device) -> bool:
        """Whether the firmware gives this byte after the controller wanted it."""
        if not device.has_memory or not getattr(device, "late", True):
            return False
        khz = transfer.frequency_hz / 1000
        share = self.faults.stretched
        if khz > 100:
            share = max(share, min(0.3, (khz - 100) * 0.003))
        if khz > 200:
            share = max(share, min(1.0, 0.3 + (khz - 200) * 0.0036))
        return self._chance["stretched"].random() < share

    def misread(self, transfer: Transfer, byte: int, long: bool) -> int:
        """A late byte as the controller reads it; `long`: it came after the next edge or more."""
        share = self.faults.misread * (UNLUCKY if long else 1)
        if not transfer.buggy or self._chance["misread"].random() >= share:
            return byte
        self._counts["misread"] += 1
        # It samples SDA while SCL is still low, and is one bit behind from there on.
        return (byte << 1 | 1) & 0xFF if byte != 0xFF else 0xFE

    def damaged(self, byte: int, transfer: Transfer) -> int:
        """A byte as it arrives."""
        if self._chance["flipped"].random() < self.faults.flipped:
            self._counts["flipped"] += 1
            byte ^= 1 << self._chance["bit"].randrange(8)
        if not self._pull_ups:
            share = transfer.frequency_hz / PULLED_BY_PICOS_HZ
            if self._chance["weak"].random() < share:  # a line that rises too slowly reads 0
                byte &= self._chance["weak"].getrandbits(8)
        return byte
