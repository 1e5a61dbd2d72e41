"""The files on a board, put into its flash before it is switched on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from rp2040py.rp2040 import RP2040

from picosim.rp2040.firmware import BLOCK_BYTES, Firmware
from picosim.runner import flash, interpreter


def make(files: Mapping[str, bytes], firmware: Firmware) -> bytes:
    """An image of littlefs with these files (path on the board -> contents)."""
    key = f"{flash.image_key(files)}-{firmware.blocks}"
    cached = flash.cache_directory() / f"{key}.img"
    with tempfile.TemporaryDirectory(prefix="picosim-files-") as folder:
        image = Path(folder) / "flash.img"
        if not flash.copy(cached, image):
            listing = flash.stage(files, Path(folder))
            wrong = flash.make(interpreter.load(), image, listing, firmware.blocks)
            if wrong:
                raise flash.FlashFull(f"the files don't fit into the board's flash ({wrong[-1]})")
            flash.store(image, key, cached.parent)
        return image.read_bytes()


def put(image: bytes, firmware: Firmware, chip: RP2040) -> None:
    """Put an image where the firmware looks for its files."""
    assert len(image) == firmware.blocks * BLOCK_BYTES
    chip.flash[firmware.files_at : firmware.files_at + len(image)] = image
