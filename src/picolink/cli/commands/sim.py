"""Virtual boards that have picolink on them, from programs or a world's file.

Each .py file becomes the main.py of a board that has picolink installed, named after
its Node. A .toml file describes a whole world (docs/simulator.md). Without a file one
board waits at MicroPython's prompt, with picolink installed.

    picolink sim up examples/hello/main.py
    picolink sim up world.toml
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from ...core.errors import PicolinkError, UsageError
from ...links.host.virtual import needed
from ...packing import GROUPS, compile_all, write_all
from ..command_line.arguments import action, json_option
from ..command_line.parser import CommandParser
from ..output import Progress

_NODE = re.compile(r"""\bNode\(\s*["']([\w-]+)["']""")


def arguments(parser: CommandParser) -> None:
    up = action(parser, "up", "start virtual boards and run them until Ctrl-C", __doc__)
    up.add_argument("files", metavar="FILE", nargs="*", help="board programs, or one world.toml")
    up.add_argument(
        "--firmware", metavar="FILE",
        help="run this .uf2 of MicroPython for a Pico or Pico W, in an emulated RP2040 (slow)",
    )  # fmt: skip
    json_option(up, "print a JSON object per board")


def run(options: argparse.Namespace) -> int:
    """Runs them until Ctrl-C."""
    simulator = needed()
    with tempfile.TemporaryDirectory(prefix="picolink-up-") as folder:

        def lib() -> list[Path]:
            with Progress("compiling picolink for the boards"):
                return [packed_lib(Path(folder, "lib"))]

        try:
            return simulator.up(
                [Path(name) for name in options.files],
                firmware=Path(options.firmware) if options.firmware is not None else None,
                json=options.json,
                lib=lib,
                name_of=node_name,
            )
        except simulator.names.WrongInput as error:
            raise UsageError(str(error)) from None
        except simulator.names.PicosimError as error:
            raise PicolinkError(str(error)) from None


def packed_lib(folder: Path) -> Path:
    """Everything that a board can use, as `picolink install` has it, so that it finds room for what
    differs."""
    write_all(folder, compile_all(sorted(GROUPS)))
    return folder


def node_name(program: Path) -> str | None:
    """The name of the Node in a program; None where it names none."""
    try:
        match = _NODE.search(program.read_text("utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"{program} is no program: it is not text, or not in UTF-8") from None
    return match[1] if match else None
