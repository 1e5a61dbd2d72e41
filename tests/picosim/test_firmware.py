"""Boards of firmware, as far as that takes no firmware; tests/firmware has the rest."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from uf2_files import block

from picosim import EmulatorMissing, World
from picosim.rp2040 import firmware
from picosim.rp2040.chip import Chip
from picosim.rp2040.wifi import Bridge
from picosim.toml import BadWorld


def uf2(tmp_path: Path, text: bytes) -> Path:
    """A file of one block, that looks like a firmware."""
    path = tmp_path / "firmware.uf2"
    path.write_bytes(block(text))
    return path


def test_what_is_read_of_a_file(tmp_path: Path) -> None:
    text = b"MicroPython v1.28.0 on 2026-04-01; Raspberry Pi Pico W with RP2040"
    found = firmware.read(uf2(tmp_path, text))
    assert (found.version, found.wifi, found.files_at) == ("1.28.0", True, (2048 - 848) * 1024)
    found = firmware.read(uf2(tmp_path, text.replace(b"Pico W", b"Pico")))
    assert (found.wifi, found.files_at) == (False, (2048 - 1408) * 1024)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "no MicroPython"),
        (b"CircuitPython", "no MicroPython"),
        (b"MicroPython v1.28.0 on 2026-04-01; Raspberry Pi Pico2 with RP2350", "Pico 2"),
    ],
)
def test_other_firmware_is_refused(world: World, tmp_path: Path, text: bytes, says: str) -> None:
    with pytest.raises(firmware.FirmwareUnknown, match=says):
        world.board("a", firmware=uf2(tmp_path, text))
    assert not world.boards


def test_what_is_no_firmware_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(firmware.FirmwareUnknown, match="there is no file"):
        world.board("a", firmware=tmp_path / "none.uf2")
    (tmp_path / "x.uf2").write_bytes(b"UF2\nshort")
    with pytest.raises(firmware.FirmwareUnknown, match="RPI_PICO_W"):
        world.board("a", firmware=tmp_path / "x.uf2")
    with pytest.raises(ValueError, match="give a version"):
        world.board("a", firmware="RPI_PICO_W.uf2")


def test_without_the_emulator_it_says_what_to_install(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    path = uf2(tmp_path, b"MicroPython v1.28.0 on 2026-04-01; Raspberry Pi Pico")
    with pytest.raises(EmulatorMissing, match=r"pip install \"picosim\[firmware\]\""):
        world.board("a", firmware=path)


def test_the_emulator_has_the_file_in_its_flash_and_tells_what_is_written(tmp_path: Path) -> None:
    text = b"MicroPython v1.28.0 on 2026-04-01; Raspberry Pi Pico"
    chip = Chip(firmware.read(uf2(tmp_path, text)), bytes(8), lambda data: None)
    assert bytes(chip.rp2040.flash[: len(text)]) == text
    ssi = chip.rp2040.ssi
    for command in (b"\x06", b"\x20\x00\x10\x00"):  # write enable; erase the second sector
        for byte in command:
            ssi._shift_byte(byte)
        ssi._apply_command()
    assert chip.written == {1}
    assert bytes(chip.rp2040.flash[4096:4100]) == b"\xff" * 4
    chip.written.clear()
    for command in (b"\x06", b"\xd8\x01\x30\x00"):  # erase the block that sector 19 is in
        for byte in command:
            ssi._shift_byte(byte)
        ssi._apply_command()
    assert chip.written == set(range(16, 32))


def test_a_board_of_firmware_is_dialed_at_its_own_address_alone() -> None:
    bridge = Bridge("127.0.0.9", [0])
    try:
        assert [end.getsockname()[0] for end in bridge.sockets()] == ["127.0.0.9"]
    finally:
        bridge.close()


def test_the_simulator_does_not_load_the_emulator() -> None:
    code = "from picosim import FirmwareBoard; import sys; print('rp2040py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_world_file_names_a_firmware(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text('[board.a]\nfirmware = "none.uf2"\n')
    with pytest.raises(BadWorld, match=r"\[board.a\].*none.uf2"):
        World.from_toml(tmp_path / "world.toml")
    (tmp_path / "world.toml").write_text('[board.a]\nfirmware = "none.uf2"\ncelsius = 20\n')
    with pytest.raises(BadWorld, match="'celsius'.*can't be set"):
        World.from_toml(tmp_path / "world.toml")


def test_a_wire_to_a_board_of_firmware_is_refused(tmp_path: Path) -> None:
    uf2(tmp_path, b"MicroPython v1.28.0 on 2026-04-01; Raspberry Pi Pico W")
    (tmp_path / "world.toml").write_text(
        '[board.a]\nfirmware = "firmware.uf2"\nstart = false\n'
        '[[wire]]\nfrom = "a.GP3"\nto = "a.GP4"\n'
    )
    with pytest.raises(BadWorld, match="a runs firmware.uf2 in an emulated RP2040"):
        World.from_toml(tmp_path / "world.toml")
