"""`picolink sim up`: virtual boards from programs, or a world from a TOML file."""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from pathlib import Path

from ..core.errors import UsageError
from ..packing import GROUPS, compile_all
from .output import Progress

_NODE = re.compile(r"""\bNode\(\s*["']([\w-]+)["']""")


def run(options: argparse.Namespace) -> int:
    """Runs them until Ctrl-C."""
    from ..sim.console import run_world

    files = [Path(name) for name in options.files]
    for file in files:
        if not file.is_file():
            raise UsageError(
                f"there is no file {file}: name board programs (.py) or one world.toml"
            )
    whole = [file.suffix for file in files] == [".toml"]
    firmware = Path(options.firmware) if options.firmware else None
    if firmware and not firmware.is_file():
        raise UsageError(
            f"there is no file {firmware}: download a .uf2 for RPI_PICO_W (or RPI_PICO) from "
            "https://micropython.org/download/RPI_PICO_W/"
        )
    if firmware and firmware.suffix != ".uf2":
        raise UsageError(f"{firmware}: a firmware is a .uf2 file")
    if firmware and whole:
        raise UsageError(f'{files[0]} says itself what its boards run: firmware = "FILE.uf2" there')
    for file in files:
        if file.suffix != ".py" and not whole:
            raise UsageError(f"{file}: name board programs (.py), or one world.toml alone")
    with tempfile.TemporaryDirectory(prefix="picolink-up-") as folder:
        with Progress("compiling picolink for the boards"):
            lib = packed_lib(Path(folder, "lib"))
        world = files[0] if whole else _world(Path(folder), files, firmware)
        return run_world(str(world), json=options.json, lib=lib)


def packed_lib(folder: Path) -> Path:
    """Everything that a board can use, as files for its /lib."""
    for place, data in compile_all(sorted(GROUPS), lines="all").items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def board_name(program: Path) -> str:
    """The name of the Node in a program, else the file's own (its folder's for main.py)."""
    match = _NODE.search(program.read_text("utf-8"))
    if match:
        return match[1]
    stem = program.stem if program.stem != "main" else program.resolve().parent.name
    return re.sub(r"[^\w-]", "-", stem)


def _world(folder: Path, programs: list[Path], firmware: Path | None) -> Path:
    """A world file for boards that run `programs`."""
    boards: dict[str, Path | None] = {}
    for program in programs:
        name = board_name(program)
        if name in boards:
            raise UsageError(f"two boards would be named {name!r}: give their Nodes two names")
        boards[name] = program.resolve()
    text = ""
    for name, main in (boards or {"pico": None}).items():
        text += f"[board.{name}]\n"
        if main is not None:
            text += f"main = {json.dumps(str(main))}\n"
        if firmware is not None:
            text += f"firmware = {json.dumps(str(firmware.resolve()))}\n"
    file = folder / "world.toml"
    file.write_text(text, "utf-8")
    return file
