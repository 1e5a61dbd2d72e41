"""`picolink sim up`: virtual boards for people."""

from __future__ import annotations

import json as json_module
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from picolink.sim.world import World

INTERRUPTED = 130
_HINT = "a script of yours finds it by python -m picolink.sim.i2c SCRIPT.py"


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
