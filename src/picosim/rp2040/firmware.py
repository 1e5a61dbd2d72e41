"""What a file of firmware is: which board it is for, and where it keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from picosim.base.given import no_file
from picosim.errors import FirmwareUnknown
from picosim.rp2040 import uf2
from picosim.rp2040.uf2 import FLASH_BYTES, FLASH_START

BLOCK_BYTES = 4096
LISTEN_PORTS = (5263,)
"""At which a board can be dialed by Wi-Fi, unless others are wanted."""
_MOST_BYTES = 64 * 1024 * 1024
"""Of a file: more than any firmware has, if it has blocks for several chips too."""
_PAGES = (
    "for a Pico W from https://micropython.org/download/RPI_PICO_W/, "
    "for a Pico from https://micropython.org/download/RPI_PICO/"
)
_GET = f"download the .uf2 {_PAGES}"
_AGAIN = f"download it again, {_PAGES}"


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
    """What the .uf2 at `path` is, once all of it was checked; raises FirmwareUnknown with a
    reason."""
    flash = b"".join(pages(path).values())
    at = flash.find(b"MicroPython v")
    if at < 0:
        raise FirmwareUnknown(
            f"{path} is no MicroPython for RPI_PICO or RPI_PICO_W, whose firmware runs here: {_GET}"
        )
    version = flash[at + 13 : at + 33].split(b" ")[0].split(b"\0")[0].decode("ascii", "replace")
    if b"RP2350" in flash:
        raise FirmwareUnknown(_pico_2(path))
    wifi = b"Raspberry Pi Pico W" in flash
    return Firmware(path, wifi, version, 212 if wifi else 352)


def pages(path: Path) -> dict[int, bytes]:
    """What the .uf2 at `path` puts into the flash, checked: offset -> 256 bytes. Raises
    FirmwareUnknown."""
    wrong = no_file(path)
    if wrong:
        raise FirmwareUnknown(f"{wrong}: {_GET}")
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise FirmwareUnknown(f"can't read {path} ({error.strerror})") from None
    try:
        found = uf2.pages(data)
    except uf2.NoUf2:
        what = "is no .uf2 file of firmware" if data else "is empty"
        raise FirmwareUnknown(f"{path} {what}: {_GET}") from None
    except uf2.Damaged as error:
        raise FirmwareUnknown(f"{path} is damaged ({error}): {_AGAIN}") from None
    except uf2.OtherChip as error:
        if error.pico_2:
            raise FirmwareUnknown(_pico_2(path)) from None
        raise FirmwareUnknown(
            f"{path}: {error}; there is an emulated RP2040 only: {_GET}"
        ) from None
    return {address - FLASH_START: page for address, page in found.items()}


def _pico_2(path: Path) -> str:
    return f"{path} is firmware for a Pico 2 (RP2350); there is an emulated RP2040 only: {_GET}"
