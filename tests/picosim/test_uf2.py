"""Files of firmware that are damaged, cut off, or for something else: told before a board starts.

The format: https://github.com/microsoft/uf2.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uf2_files import RP2040, block

from picosim import World
from picosim.rp2040 import firmware
from picosim.rp2040.chip import Chip
from picosim.rp2040.firmware import FirmwareUnknown
from picosim.toml import BadWorld

TEXT = b"MicroPython v1.28.0 on 2026-04-01; Raspberry Pi Pico with RP2040"
BLOCKS = 8
FLAGS, ADDRESS, SIZE, NUMBER, TOTAL, FAMILY = 8, 12, 16, 20, 24, 28


def page(number: int, total: int = BLOCKS, flags: int = 0x2000, family: int = RP2040) -> bytes:
    return block(TEXT if number == 2 else b"page %d" % number, number, total, flags, family)


def whole(**changes: int) -> bytearray:
    return bytearray(b"".join(page(number, **changes) for number in range(BLOCKS)))


def put(data: bytearray, number: int, field: int, value: int) -> bytearray:
    struct.pack_into("<I", data, number * 512 + field, value)
    return data


def read(tmp_path: Path, data: bytes) -> firmware.Firmware:
    (tmp_path / "new.uf2").write_bytes(data)
    return firmware.read(tmp_path / "new.uf2")


DAMAGED = {
    "the first word of a block": (
        lambda: put(whole(), 3, 0, 0x58585858),
        r"bytes 1536 to 2047 are not a block",
    ),
    "the second word": (lambda: put(whole(), 0, 4, 0), "bytes 0 to 511"),
    "the last word": (lambda: put(whole(), 7, 508, 1), "bytes 3584 to 4095"),
    "a block of zeros": (
        lambda: whole()[: 5 * 512] + bytes(512) + whole()[6 * 512 :],
        "bytes 2560 to 3071",
    ),
    "cut off": (lambda: whole()[: 6 * 512], "cut off: it ends after 6 of 8 blocks"),
    "cut off in a block": (lambda: whole()[:-100], "cut off: it ends after 7 of 8 blocks"),
    "a hole": (
        lambda: whole()[:512] + whole()[3 * 512 :],
        "2 of its 8 blocks are missing, number 1 first",
    ),
    "more at the end": (lambda: whole() + b"more", "4 bytes too many"),
    "another family in a block": (
        lambda: put(whole(), 4, FAMILY, 7),
        "1 of its 8 blocks is missing, number 4 first",
    ),
    "a number": (lambda: put(whole(), 4, NUMBER, 900), "block 4 has the number 900 of 8"),
    "a number twice": (lambda: put(whole(), 4, NUMBER, 3), "number 4 first"),
    "how many there are": (lambda: put(whole(), 4, TOTAL, 4_000_000_000), "4000000000 blocks"),
    "two files in one": (lambda: page(0, 1) + whole(), "block 0 says that there are 1 blocks"),
    "too many for any file": (lambda: whole(total=4_000_000_000), "ends after 8 of 4000000000"),
    "no number": (lambda: whole(total=0), "the number 0 of 0"),
    "RAM": (lambda: put(whole(), 4, ADDRESS, 0x20000000), "block 4 is for address 0x20000000"),
    "behind the flash": (lambda: put(whole(), 4, ADDRESS, 0x10200000), "to 0x101fffff"),
    "within a page": (lambda: put(whole(), 4, ADDRESS, 0x10000404), "no page"),
    "one place twice": (lambda: put(whole(), 4, ADDRESS, 0x10000000), "two of its blocks"),
    "a size": (lambda: put(whole(), 4, SIZE, 476), "block 4 has 476 bytes"),
    "comments alone": (lambda: whole(flags=0x2001), "none of its blocks is for the flash"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_file_is_told_with_what_is_wrong_and_what_to_do(
    tmp_path: Path, what: str
) -> None:
    make, says = DAMAGED[what]
    with pytest.raises(FirmwareUnknown, match=says) as found:
        read(tmp_path, make())
    said = str(found.value)
    assert said.startswith(f"{tmp_path}/new.uf2 is damaged (") and "\n" not in said
    assert "download it again" in said and "micropython.org/download/RPI_PICO/" in said


@pytest.mark.parametrize("family", [0xE48BFF59, 0xE48BFF5A, 0xE48BFF5B])
def test_firmware_of_a_pico_2_is_told(tmp_path: Path, family: int) -> None:
    first = page(0, 2, family=0xE48BFF57)  # as the SDK puts before it (RP2350-E10)
    with pytest.raises(FirmwareUnknown, match="is firmware for a Pico 2 .*RPI_PICO_W"):
        read(tmp_path, first + whole(family=family))


def test_firmware_of_another_chip_and_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(FirmwareUnknown, match="for another chip .UF2 family 0x1c5f21b0"):
        read(tmp_path, whole(family=0x1C5F21B0))  # ESP32
    with pytest.raises(FirmwareUnknown, match=r"new\.uf2 is empty: download"):
        read(tmp_path, b"")
    for data in (b"<!DOCTYPE html>" * 100, b"UF2\n", bytes(4096)):
        with pytest.raises(FirmwareUnknown, match=r"is no \.uf2 file of firmware: download"):
            read(tmp_path, data)


def test_blocks_for_others_are_left_out(tmp_path: Path) -> None:
    """Comments, files, other chips' blocks: the emulated flash gets none of them."""
    comment = put(bytearray(page(0, 1, flags=0x2001)), 0, ADDRESS, 0x77777700)
    kept = put(bytearray(page(0, 1, flags=0x1000)), 0, ADDRESS, 0)
    other = whole(family=0xE48BFF59)
    found = read(tmp_path, comment + whole() + kept + other.replace(b"page", b"PAGE"))
    assert (found.version, found.wifi) == ("1.28.0", False)
    flash = Chip(found, bytes(8), lambda data: None).rp2040.flash
    assert len(flash) >= 2 * 1024 * 1024 and b"PAGE" not in flash
    assert flash[256:262] == b"page 1" and flash[8 * 256 : 8 * 256 + 2] == b"\xff\xff"


def test_comments_may_be_counted_with_the_others(tmp_path: Path) -> None:
    data = put(whole(total=9), 4, FLAGS, 0x2001)
    assert read(tmp_path, data + page(8, 9)).version == "1.28.0"


def test_a_file_without_family_or_in_another_order_is_taken(tmp_path: Path) -> None:
    blocks = [page(number, flags=0, family=0) for number in range(BLOCKS)]
    found = read(tmp_path, b"".join(reversed(blocks)) + blocks[0])
    assert found.version == "1.28.0"
    assert list(firmware.pages(found.path)) == [256 * number for number in range(BLOCKS)]


def test_what_is_no_file_is_told_as_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.uf2")
    for path, says in (
        (tmp_path, "is a folder, not a file: download"),
        (Path("/dev/null"), "/dev/null is a device, not a file: download"),
        (tmp_path / "pipe.uf2", "is a pipe"),
        (tmp_path / "none.uf2", "there is no file .*none.uf2: download"),
        (tmp_path / "a\0b", "no name of a file"),
    ):
        with pytest.raises(FirmwareUnknown, match=says):
            firmware.read(path)


def test_no_board_is_made_of_a_damaged_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "new.uf2").write_bytes(whole()[:1024])
    with pytest.raises(FirmwareUnknown, match="cut off"):
        world.board("a", firmware=tmp_path / "new.uf2")
    assert not world.boards
    (tmp_path / "world.toml").write_text('[board.a]\nfirmware = "new.uf2"\n')
    with pytest.raises(BadWorld, match=r"world\.toml: \[board\.a\]: .*new\.uf2 is damaged"):
        World.from_toml(tmp_path / "world.toml")


def test_a_file_that_was_damaged_since_is_told_without_a_traceback(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "new.uf2").write_bytes(whole())
    board = world.board("a", firmware=tmp_path / "new.uf2", start=False)
    (tmp_path / "new.uf2").write_bytes(whole()[:1024])
    with pytest.raises(RuntimeError, match=r"a did not start: /.*new\.uf2 is damaged") as found:
        board.start()
    assert "Traceback" not in str(found.value)


@pytest.mark.parametrize("make", [lambda path: path, lambda path: path / "none.uf2"])
def test_the_tests_of_firmware_end_with_one_line_where_the_file_is_wrong(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    here = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(here / "firmware")],
        env={**os.environ, "PICOLINK_FIRMWARE": str(make(tmp_path))},
        cwd=here.parent, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    said = (done.stdout + done.stderr).strip()
    assert said.startswith("ERROR: PICOLINK_FIRMWARE: ") and str(tmp_path) in said
    assert said.count("\n") == 0
