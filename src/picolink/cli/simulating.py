"""`picolink sim up`: virtual boards from programs, or a world from a TOML file."""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import PicolinkError, UsageError
from ..packing import GROUPS, compile_all
from ..sim.given import no_file
from .output import Progress

if TYPE_CHECKING:
    from ..sim.world import World

_NODE = re.compile(r"""\bNode\(\s*["']([\w-]+)["']""")


def run(options: argparse.Namespace) -> int:
    """Runs them until Ctrl-C."""
    from ..sim.console import run_world
    from ..sim.held_board import BoardFailed
    from ..sim.interpreter import InterpreterMissing
    from ..sim.rp2040.firmware import FirmwareUnknown, read
    from ..sim.toml import BadWorld
    from ..sim.world import World

    files = [Path(name) for name in options.files]
    for file in files:
        wrong = no_file(file)
        if wrong:
            raise UsageError(f"{wrong}: name board programs (.py) or one world.toml")
    whole = [file.suffix for file in files] == [".toml"]
    for file in files:
        if file.suffix != ".py" and not whole:
            raise UsageError(f"{file}: name board programs (.py), or one world.toml alone")
    firmware = Path(options.firmware) if options.firmware is not None else None
    if firmware and whole:
        raise UsageError(f'{files[0]} says itself what its boards run: firmware = "FILE.uf2" there')
    boards = {} if whole else _boards(files)
    try:
        if firmware:
            read(firmware)  # what is wrong with it is told before anything begins
        with tempfile.TemporaryDirectory(prefix="picolink-up-") as folder:
            with Progress("compiling picolink for the boards"):
                lib = packed_lib(Path(folder, "lib"))
            return run_world(
                lambda: (
                    World.from_toml(files[0], [lib]) if whole else _world(boards, lib, firmware)
                ),
                json=options.json,
            )
    except (BadWorld, FirmwareUnknown) as error:
        raise UsageError(str(error)) from None
    except (BoardFailed, InterpreterMissing) as error:
        raise PicolinkError(str(error)) from None


def packed_lib(folder: Path) -> Path:
    """Everything that a board can use, as `picolink install` has it, so that it finds room for what
    differs."""
    for place, data in compile_all(sorted(GROUPS)).items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def board_name(program: Path) -> str:
    """The name of the Node in a program, else the file's own (its folder's for main.py)."""
    try:
        match = _NODE.search(program.read_text("utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"{program} is no program: it is not text, or not in UTF-8") from None
    if match:
        return match[1]
    stem = program.stem if program.stem != "main" else program.resolve().parent.name
    return re.sub(r"[^\w-]", "-", stem) or "board"


def _boards(programs: list[Path]) -> dict[str, Path | None]:
    """The names of the boards, and the program of each; one board where there are no programs."""
    boards: dict[str, Path | None] = {}
    for program in programs:
        name = board_name(program)
        if name in boards:
            raise UsageError(f"two boards would be named {name!r}: give their Nodes two names")
        boards[name] = program
    return boards or {"pico": None}


def _world(boards: dict[str, Path | None], lib: Path, firmware: Path | None) -> World:
    from ..sim.world import World

    world = World()
    try:
        for name, main in boards.items():
            world.board(name, main=main, lib=[lib], firmware=firmware or "")
    except BaseException:
        world.close()
        raise
    return world
