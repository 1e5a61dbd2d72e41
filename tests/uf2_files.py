"""Blocks of a UF2, as files of firmware have them (https://github.com/microsoft/uf2)."""

from __future__ import annotations

import struct

RP2040 = 0xE48BFF56


def block(
    text: bytes, number: int = 0, total: int = 1, flags: int = 0x2000, family: int = RP2040
) -> bytes:
    """A page for the flash that begins with `text`."""
    head = (0x0A324655, 0x9E5D5157, flags, 0x10000000 + 256 * number, 256, number, total, family)
    return struct.pack("<8I", *head) + text.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)
