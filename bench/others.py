"""Round trips of other ways to call a function on a board over USB, each on a board of its own.

What does not run here says why.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

import picolink
from picolink.packing import compile_all
from picosim import VirtualBoard, World

from . import boards
from .pinned import pin

_CALLS = 200


def _median_us(function: Callable[[], object]) -> float:
    times = []
    for turn in range(_CALLS + 10):
        start = time.perf_counter_ns()
        function()
        if turn >= 10:
            times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1000


def _mpremote(board: VirtualBoard) -> float:
    from mpremote.transport_serial import SerialTransport

    transport = SerialTransport(board.usb_path, baudrate=115200)
    transport.enter_raw_repl(soft_reset=False)
    transport.exec("def echo(x): return x")
    try:
        return _median_us(lambda: transport.eval("echo('" + "x" * 32 + "')"))
    finally:
        transport.exit_raw_repl()
        transport.close()


def _belay(board: VirtualBoard) -> float:
    import belay

    device = belay.Device(board.usb_path, startup="")

    @device.task  # type: ignore[untyped-decorator, unused-ignore]
    def echo(x):  # type: ignore[no-untyped-def]
        return x

    try:
        return _median_us(lambda: echo("x" * 32))
    finally:
        device.close()


def _tether(board: VirtualBoard) -> float:
    # It runs `ruff`, which stands beside this Python.
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    from . import tether_echo

    tether_echo.connect(board.usb_path)  # which has no end but the program's
    return _median_us(lambda: tether_echo.echo("x" * 32))


def _picolink(board: VirtualBoard) -> float:
    with picolink.connect(board.usb_path) as node:
        return _median_us(lambda: node.call("echo", "x" * 32))


OTHERS = {
    "picolink": _picolink,
    "tether-mcu": _tether,
    "belay": _belay,
    "mpremote as a library": _mpremote,
}


def measure() -> dict[str, float | str]:
    """name -> median in microseconds, or why there is none."""
    result: dict[str, float | str] = {}
    with World(seed=1) as world:
        for name, function in OTHERS.items():
            # The others speak to the REPL, which needs Ctrl-C: the faithful port, not the bare one.
            main = boards.NODE if function is _picolink else ""
            libs = compile_all(["usb", "tcp"]) if main else {}
            board = world.board(name.split()[0], main=main, libs=libs, usb="rp2")
            pin(board.process_id, 1)
            try:
                result[name] = function(board)
            except Exception as error:  # whatever it is, it goes onto the page
                result[name] = f"did not run here: {type(error).__name__}: {error}"[:120]
    return result
