"""What a file of firmware is: which board it is for, and where it keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FLASH_BYTES = 2 * 1024 * 1024
"""Of both boards."""
BLOCK_BYTES = 4096
LISTEN_PORTS = (5263,)
"""At which a board can be dialed by Wi-Fi, unless others are wanted."""
_UF2_BLOCK_BYTES = 512
_UF2_MAGIC = b"UF2\n"


class FirmwareUnknown(ValueError):
    """The file is no firmware that can be run here."""


class Firmware(NamedTuple):
    """A firmware file: `wifi` is whether it is for a Pico W; files lie in the last `blocks`."""

    path: Path
    wifi: bool
    version: str
    blocks: int

    @property
    def files_at(self) -> int:
        """Where in the flash its files begin."""
        return FLASH_BYTES - self.blocks * BLOCK_BYTES


def read(path: Path) -> Firmware:
    """What the .uf2 at `path` is; raises FirmwareUnknown with a reason."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FirmwareUnknown(f"{path}: {error.strerror}") from None
    if data[:4] != _UF2_MAGIC or len(data) % _UF2_BLOCK_BYTES:
        raise FirmwareUnknown(
            f"{path} is no .uf2 file: take MicroPython's for RPI_PICO or RPI_PICO_W"
        )
    flash = b"".join(data[at + 32 : at + 32 + 256] for at in range(0, len(data), _UF2_BLOCK_BYTES))
    at = flash.find(b"MicroPython v")
    if at < 0:
        raise FirmwareUnknown(f"{path} is no MicroPython for RPI_PICO or RPI_PICO_W")
    version = flash[at + 13 : at + 33].split(b" ")[0].split(b"\0")[0].decode("ascii", "replace")
    if b"RP2350" in flash:
        raise FirmwareUnknown(f"{path} is for a Pico 2; there is an emulated RP2040 only")
    wifi = b"Raspberry Pi Pico W" in flash
    return Firmware(path, wifi, version, 212 if wifi else 352)
