"""What goes wrong on an I2C bus."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class I2cFaults:
    """How bad a bus is; the same seed and transfers give the same faults."""

    flipped: float = 0
    """Share of the bytes, addresses too, of which one bit arrives wrong."""
    nack: float = 0
    """Share of the transfers that nobody acknowledges."""
    sda_low: bool = False
    """Something holds SDA low."""
    scl_low: bool = False
    """Something holds SCL low."""
    stretched: float = 0.002
    """Share of the bytes that a board in memory mode gives late, at 100 kHz and below; measured
    were 0.001 (idle) to 0.035 (busy). It grows to 0.3 at 200 kHz and to all of them at 400 kHz."""
    misread: float = 1
    """Share of those that a Raspberry Pi's own controller then reads wrong, which is its bug. It
    reads a twentieth of this share wrong where a handler in Python was waited for."""
    cut: bool = False
    """The wires are cut: every controller is alone."""
    not_enabled: bool = False
    """The host has no /dev/i2c-N."""
    not_permitted: bool = False
    """The host's user may not open it."""
