"""The flash of a Pico, a W25Q16JV: it has a number of its own, and is busy while it works."""

from __future__ import annotations

from collections.abc import Callable

from rp2040py.peripherals.ssi import (
    CMD_BLOCK_ERASE,
    CMD_PAGE_PROGRAM,
    CMD_READ_STATUS_1,
    CMD_SECTOR_ERASE,
    RPSSI,
)
from rp2040py.rp2040 import RP2040

BASE = 0x18000
"""Of the SSI block, as the emulator counts."""
BUSY_S = {CMD_SECTOR_ERASE: 0.045, CMD_BLOCK_ERASE: 0.150, CMD_PAGE_PROGRAM: 0.0004}
"""W25Q16JV data sheet, table 9.6, typical."""
SECTOR_BYTES = 4096
BLOCK_SECTORS = 16
_READ_UNIQUE_ID = 0x4B
_DUMMY_BYTES = 4
_STATUS_BUSY = 0x01


class Flash(RPSSI):
    """The chip behind the SSI block. `wait(s)` lets so much time go by at once: the core does
    nothing then but ask, with interrupts off, whether the chip is done. `written` collects the
    numbers of sectors that were written; whoever keeps the contents takes them out."""

    def __init__(
        self, chip: RP2040, unique_id: bytes, wait: Callable[[float], None], written: set[int]
    ) -> None:
        super().__init__(chip, "SSI")
        self.unique_id = unique_id
        self._wait = wait
        self._busy_s = 0.0
        self.written = written

    def _shift_byte(self, byte_out: int) -> int:
        answer: int = super()._shift_byte(byte_out)
        command, at = self._tx_buffer[0], len(self._tx_buffer) - 1
        if command == _READ_UNIQUE_ID and at > _DUMMY_BYTES:
            return self.unique_id[(at - _DUMMY_BYTES - 1) % len(self.unique_id)]
        if command == CMD_READ_STATUS_1 and at and self._busy_s:
            busy_s, self._busy_s = self._busy_s, 0.0
            self._wait(busy_s)
            return answer | _STATUS_BUSY
        return answer

    def _apply_command(self) -> None:
        if self._write_enabled and self._tx_buffer:
            self._busy_s = BUSY_S.get(self._tx_buffer[0], 0.0)
            if self._busy_s and len(self._tx_buffer) >= 4:
                sector = self._address_from_buffer() // SECTOR_BYTES
                sectors = BLOCK_SECTORS if self._tx_buffer[0] == CMD_BLOCK_ERASE else 1
                sector -= sector % sectors
                self.written.update(range(sector, sector + sectors))
        super()._apply_command()
