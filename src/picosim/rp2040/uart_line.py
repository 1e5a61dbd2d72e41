"""What runs on a UART's wires."""

from __future__ import annotations

from typing import NamedTuple


class Frame(NamedTuple):
    """One byte on a wire, from the edge of its start bit on."""

    value: int
    start_ns: float
    bit_ns: float
    data_bits: int
    bits: int

    @property
    def stop_ns(self) -> float:
        """The middle of its (first) stop bit."""
        return self.start_ns + (1.5 + self.data_bits) * self.bit_ns

    def sampled(self, bit_ns: float, data_bits: int) -> tuple[int, bool]:
        """The byte as who has another idea of a bit's length finds it; and whether it found a
        stop bit where one should be."""
        wave = self.value << 1 | ~0 << self.data_bits + 1
        value = 0
        for bit in range(data_bits):
            value |= (wave >> int((bit + 1.5) * bit_ns / self.bit_ns) & 1) << bit
        return value, bool(wave >> int((data_bits + 1.5) * bit_ns / self.bit_ns) & 1)
