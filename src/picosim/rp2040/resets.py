"""The RESETS block (RP2040 data sheet, 2.14). The emulator's own keeps the bits and resets nothing,
but drivers begin by resetting their block, and end by leaving it so."""

from __future__ import annotations

from rp2040py.peripherals.peripheral import BasePeripheral
from rp2040py.peripherals.reset import (
    RESET,
    RESET_I2C0,
    RESET_I2C1,
    RESET_UART0,
    RESET_UART1,
    RPReset,
)
from rp2040py.rp2040 import RP2040

BASE = 0x4000C
"""Of the block, as the emulator counts."""


class Resets(RPReset):
    """The block; what it resets are the UARTs and I2Cs."""

    def __init__(self, chip: RP2040) -> None:
        super().__init__(chip, "RESETS_BASE")

    def write_uint32(self, offset: int, value: int) -> None:
        before = self._reset
        super().write_uint32(offset, value)
        if offset == RESET:
            begun = self._reset & ~before
            for bit, block in self._blocks():
                if begun & bit:
                    block.reset()

    def _blocks(self) -> list[tuple[int, BasePeripheral]]:
        chip = self.rp2040
        return [
            (RESET_UART0, chip.uart[0]),
            (RESET_UART1, chip.uart[1]),
            (RESET_I2C0, chip.i2c[0]),
            (RESET_I2C1, chip.i2c[1]),
        ]
