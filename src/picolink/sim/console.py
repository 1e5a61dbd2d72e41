"""`picolink sim up`: virtual boards for people."""

from __future__ import annotations

import json as json_module
import signal
import threading
from pathlib import Path
from types import FrameType

from picolink.sim.held_board import BoardFailed
from picolink.sim.interpreter import InterpreterMissing
from picolink.sim.toml import BadWorld
from picolink.sim.world import World

_HINT = "a script of yours finds it by python -m picolink.sim.i2c SCRIPT.py"


def run_world(path: str | None, *, json: bool = False, lib: Path | None = None) -> int:
    """Run the world in the TOML file (None: one empty board) until Ctrl-C; the exit code. `lib`: a
    tree for the /lib of boards of which the file names none.

    Prints a line for each board: its name, USB path and address; with `json` one object each.
    """
    stop = threading.Event()

    def ask_to_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    before = {s: signal.signal(s, ask_to_stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _world(path, lib) as world:
            for board in world.boards.values():
                about = {
                    "name": board.name,
                    "unique_id": board.unique_id.hex(),
                    "usb_path": board.usb_path,
                    "address": board.address,
                }
                if json:
                    print(json_module.dumps(about), flush=True)
                else:
                    print(f"{board.name:20} {board.usb_path}  {board.address}", flush=True)
            for wire in world.uarts:
                if wire.path and json:
                    print(json_module.dumps({"uart_path": wire.path}), flush=True)
                elif wire.path:
                    print(f"{'UART':20} {wire.path}", flush=True)
            for bus in world.i2cs:
                if bus.host is not None and json:
                    print(json_module.dumps({"i2c_bus": bus.host}), flush=True)
                elif bus.host is not None:
                    at = ", ".join(
                        f"{b.board.name} at GP{b.sda} (SDA) and GP{b.scl} (SCL)" for b in bus.blocks
                    )
                    print(f"{'I2C':20} /dev/i2c-{bus.host} to {at}; {_HINT}", flush=True)
            if not json:
                print("The boards run until Ctrl-C.", flush=True)
            stop.wait()
        return 0
    except (BadWorld, BoardFailed, InterpreterMissing, OSError) as error:
        print(json_module.dumps({"error": str(error)}) if json else error, flush=True)
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _world(path: str | None, lib: Path | None) -> World:
    if path is not None:
        return World.from_toml(Path(path), [lib] if lib else [])
    world = World()
    world.board("pico")
    return world
