"""UF2, the format of a file of firmware, and what of it an RP2040 takes.

Sources: https://github.com/microsoft/uf2 (README.md); the names of families, its
utils/uf2families.json; pages of 256 bytes and no others, the RP2040 data sheet, 2.8.4.2.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

FLASH_START = 0x10000000
FLASH_BYTES = 2 * 1024 * 1024
"""Of a Pico and of a Pico W."""
PAGE_BYTES = 256
BLOCK_BYTES = 512
RP2040 = 0xE48BFF56
RP2350 = (0xE48BFF59, 0xE48BFF5A, 0xE48BFF5B)
"""ARM secure, RISC-V, ARM non-secure."""
_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_BEGINNING = struct.pack("<2I", *_MAGIC[:2])
_NOT_MAIN_FLASH, _FILE_CONTAINER, _HAS_FAMILY = 0x0001, 0x1000, 0x2000
_HEAD = struct.Struct("<8I")
_END = struct.Struct("<I")


class NoUf2(ValueError):
    """It is no UF2."""


class Damaged(ValueError):
    """It was a UF2 once: something is missing, or is not as it should be."""


class OtherChip(ValueError):
    """Nothing in it is for an RP2040; `pico_2` says whether it is for an RP2350."""

    def __init__(self, message: str, pico_2: bool) -> None:
        super().__init__(message)
        self.pico_2 = pico_2


class _Block(NamedTuple):
    place: int  # in the file, from 0 on
    flags: int
    address: int
    size: int
    number: int
    total: int
    family: int | None
    data: bytes

    @property
    def for_flash(self) -> bool:
        return not self.flags & (_NOT_MAIN_FLASH | _FILE_CONTAINER)


def pages(data: bytes) -> dict[int, bytes]:
    """What a UF2 puts into the flash of an RP2040: address -> 256 bytes, in the order of addresses.

    Blocks for other chips or not for the flash are left out. Raises NoUf2, Damaged or OtherChip.
    """
    starts = range(0, len(data), BLOCK_BYTES)
    if not any(data[at : at + len(_BEGINNING)] == _BEGINNING for at in starts):
        raise NoUf2("it has no blocks as a .uf2 has")
    here = [block for block in _blocks(data) if block.family in (None, RP2040)]
    ours = [block for block in here if block.for_flash]
    if not ours:
        raise _other_chip(data)
    _check_complete(ours, here, len(data))
    found: dict[int, bytes] = {}
    for block in ours:
        _check_place(block)
        if found.setdefault(block.address, block.data) != block.data:
            raise Damaged(f"two of its blocks are for one place, address {block.address:#x}")
    return dict(sorted(found.items()))


def _blocks(data: bytes) -> Iterator[_Block]:
    """All whole blocks; what is behind the last one is told by their numbers."""
    for at in range(0, len(data) - BLOCK_BYTES + 1, BLOCK_BYTES):
        first, second, flags, address, size, number, count, family = _HEAD.unpack_from(data, at)
        (last,) = _END.unpack_from(data, at + BLOCK_BYTES - _END.size)
        if (first, second, last) != _MAGIC:
            raise Damaged(
                f"its bytes {at} to {at + BLOCK_BYTES - 1} are not a block that begins and ends "
                "as those of a .uf2 do"
            )
        content = data[at + _HEAD.size : at + _HEAD.size + PAGE_BYTES]
        owner = family if flags & _HAS_FAMILY else None
        yield _Block(at // BLOCK_BYTES, flags, address, size, number, count, owner, content)


def _other_chip(data: bytes) -> ValueError:
    families = {block.family for block in _blocks(data) if block.for_flash} - {None, RP2040}
    if families & set(RP2350):
        return OtherChip("it is firmware for a Pico 2 (RP2350)", True)
    if families:
        names = ", ".join(f"{family:#x}" for family in sorted(families, key=str))
        return OtherChip(f"it is firmware for another chip (UF2 family {names})", False)
    return Damaged("none of its blocks is for the flash")


def _check_complete(ours: list[_Block], here: list[_Block], length: int) -> None:
    """Blocks are numbered from 0 on, and each tells how many there are. Those beside the flash may
    be counted too."""
    count = Counter(block.total for block in ours).most_common(1)[0][0]
    for block in ours:
        if block.total != count:
            raise Damaged(
                f"its block {block.place} says that there are {block.total} blocks, "
                f"others that there are {count}"
            )
        if block.number >= count:
            raise Damaged(f"its block {block.place} has the number {block.number} of {count}")
    numbers = {block.number for block in ours}
    numbers |= {block.number for block in here if block.total == count > block.number}
    if len(numbers) == count:
        if length % BLOCK_BYTES:
            raise Damaged(f"it has {length % BLOCK_BYTES} bytes too many at its end")
        return
    missing = count - len(numbers)
    if max(numbers) == len(numbers) - 1:
        raise Damaged(f"it is cut off: it ends after {len(numbers)} of {count} blocks")
    first = next(number for number in range(count) if number not in numbers)
    verb = "is" if missing == 1 else "are"
    raise Damaged(f"{missing} of its {count} blocks {verb} missing, number {first} first")


def _check_place(block: _Block) -> None:
    if block.size != PAGE_BYTES:
        raise Damaged(
            f"its block {block.number} has {block.size} bytes for the flash, where an RP2040 "
            f"takes {PAGE_BYTES}"
        )
    end = FLASH_START + FLASH_BYTES
    if not FLASH_START <= block.address < end or block.address % PAGE_BYTES:
        raise Damaged(
            f"its block {block.number} is for address {block.address:#x}, no page of a Pico's "
            f"flash, which is from {FLASH_START:#x} to {end - 1:#x}"
        )
