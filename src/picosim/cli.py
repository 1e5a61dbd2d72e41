"""`picosim up`: virtual boards for people."""

from __future__ import annotations

import argparse
import json as json_module
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from picosim.base.given import no_file
from picosim.errors import PicosimError, WrongInput
from picosim.world import World

FAILED = 1
USAGE = 2
INTERRUPTED = 130
_HINT = "a script of yours finds it by python -m picosim.i2c SCRIPT.py"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `picosim`; the exit code."""
    parser = argparse.ArgumentParser("picosim", description="Virtual Raspberry Pi Pico W boards.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    up_parser = actions.add_parser(
        "up",
        help="start virtual boards and run them until Ctrl-C",
        description="Each .py file becomes the main.py of a board. A .toml file describes a whole "
        "world. Without a file one board waits at MicroPython's prompt.",
    )
    up_parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="main.py or a .toml")
    up_parser.add_argument(
        "--lib", metavar="FOLDER", action="append", default=[], type=Path,
        help="a tree for the /lib of each board; may be given several times",
    )  # fmt: skip
    up_parser.add_argument(
        "--firmware", metavar="FILE", type=Path,
        help="run this .uf2 of MicroPython for a Pico or Pico W, in an emulated RP2040 (slow)",
    )  # fmt: skip
    up_parser.add_argument("--json", action="store_true", help="print a JSON object per board")
    options = parser.parse_args(arguments)
    try:
        return up(
            options.files, firmware=options.firmware, json=options.json, lib=lambda: options.lib
        )
    except KeyboardInterrupt:
        return INTERRUPTED
    except (PicosimError, OSError) as error:
        print("picosim: " + " ".join(str(error).split()), file=sys.stderr)
        return USAGE if isinstance(error, WrongInput) else FAILED


def up(
    files: Sequence[Path],
    *,
    firmware: Path | None = None,
    json: bool = False,
    lib: Callable[[], Sequence[Path]] = list,
    name_of: Callable[[Path], str | None] = lambda program: None,
) -> int:
    """Run boards with `files` as their main.py, or the one world.toml, until Ctrl-C; the exit code.

    `lib()` gives trees for their /lib, once the files are known to be right; `name_of` names the
    board of a program; None: by its file, or by its folder for main.py. Raises PicosimError.
    """
    for file in files:
        wrong = no_file(file)
        if wrong:
            raise WrongInput(f"{wrong}: name board programs (.py) or one world.toml")
    whole = [file.suffix for file in files] == [".toml"]
    for file in files:
        if file.suffix != ".py" and not whole:
            raise WrongInput(f"{file}: name board programs (.py), or one world.toml alone")
    if firmware and whole:
        raise WrongInput(f'{files[0]} says itself what its boards run: firmware = "FILE.uf2" there')
    boards = {} if whole else _boards(files, name_of)
    if firmware:
        from picosim.rp2040.firmware import read

        read(firmware)  # what is wrong with it is told before anything begins
    trees = lib()
    return run_world(
        lambda: World.from_toml(files[0], trees) if whole else _world(boards, trees, firmware),
        json=json,
    )


def _file_name(program: Path) -> str:
    """What a board is called by its program's file: "lamp" for lamp.py and for lamp/main.py."""
    stem = program.stem if program.stem != "main" else program.resolve().parent.name
    return re.sub(r"[^\w-]", "-", stem) or "board"


def _boards(
    programs: Sequence[Path], name_of: Callable[[Path], str | None]
) -> dict[str, Path | None]:
    """The names of the boards, and the program of each; one board where there are no programs."""
    boards: dict[str, Path | None] = {}
    for program in programs:
        name = name_of(program) or _file_name(program)
        if name in boards:
            raise WrongInput(f"two boards would be named {name!r}: give them two names")
        boards[name] = program
    return boards or {"pico": None}


def _world(boards: dict[str, Path | None], trees: Sequence[Path], firmware: Path | None) -> World:
    world = World()
    try:
        for name, main_py in boards.items():
            world.board(name, main=main_py, lib=trees, firmware=firmware or "")
    except BaseException:
        world.close()
        raise
    return world


def run_world(make: Callable[[], World], *, json: bool = False) -> int:
    """Run the world that `make` returns until Ctrl-C; the exit code, that of a command which Ctrl-C
    ended. What is wrong with it is raised.

    Prints a line for each board: its name, USB path and address; with `json` one object each.
    """
    stop = threading.Event()
    starting = True

    def ask_to_stop(_: int, __: FrameType | None) -> None:
        first = not stop.is_set()
        stop.set()
        if first and starting:  # and no second time: what has started ends in peace
            raise KeyboardInterrupt

    before = {s: signal.signal(s, ask_to_stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with make() as world:
            starting = False
            for line in _told(world, json):
                print(line, flush=True)
            stop.wait()
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return INTERRUPTED


def _told(world: World, json: bool) -> Iterator[str]:
    """What there is of a world, a line each."""
    for board in world.boards.values():
        about = {
            "name": board.name,
            "unique_id": board.unique_id.hex(),
            "usb_path": board.usb_path,
            "address": board.address,
        }
        if json:
            yield json_module.dumps(about)
        else:
            yield f"{board.name:20} {board.usb_path}  {board.address}"
    for wire in world.uarts:
        if wire.path:
            yield (
                json_module.dumps({"uart_path": wire.path}) if json else f"{'UART':20} {wire.path}"
            )
    for bus in world.i2cs:
        if bus.host is not None and json:
            yield json_module.dumps({"i2c_bus": bus.host})
        elif bus.host is not None:
            at = ", ".join(
                f"{b.board.name} at GP{b.sda} (SDA) and GP{b.scl} (SCL)" for b in bus.blocks
            )
            yield f"{'I2C':20} /dev/i2c-{bus.host} to {at}; {_HINT}"
    if not json:
        yield "The boards run until Ctrl-C."
