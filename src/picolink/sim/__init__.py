"""Virtual Pico W boards: the real MicroPython in a world of wires, buttons, cables and faults.

    from picolink.sim import World

    with World(seed=1) as world:
        board = world.board("greenhouse", main="print('hello')")
        print(board.usb_path, board.address)

The board's side of it, MicroPython source, is in `board/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from picolink.sim.access_point import AccessPoint, WifiFaults
    from picolink.sim.interpreter import InterpreterMissing
    from picolink.sim.pins import BoardAdc, BoardPin
    from picolink.sim.radio import Radio, RadioFaults
    from picolink.sim.uart import BoardUart, UartWire
    from picolink.sim.uart_faults import UartFaults
    from picolink.sim.virtual_board import BoardFailed, VirtualBoard
    from picolink.sim.wires import Wire, WireFaults
    from picolink.sim.world import World

__all__ = [
    "AccessPoint",
    "BoardAdc",
    "BoardFailed",
    "BoardPin",
    "BoardUart",
    "InterpreterMissing",
    "Radio",
    "RadioFaults",
    "UartFaults",
    "UartWire",
    "VirtualBoard",
    "WifiFaults",
    "Wire",
    "WireFaults",
    "World",
]

_HOMES = {
    "AccessPoint": "access_point",
    "BoardAdc": "pins",
    "BoardFailed": "virtual_board",
    "BoardPin": "pins",
    "BoardUart": "uart",
    "InterpreterMissing": "interpreter",
    "Radio": "radio",
    "RadioFaults": "radio",
    "UartFaults": "uart_faults",
    "UartWire": "uart",
    "VirtualBoard": "virtual_board",
    "WifiFaults": "access_point",
    "Wire": "wires",
    "WireFaults": "wires",
    "World": "world",
}


def __getattr__(name: str) -> Any:
    # Loaded when first used: the process of each board imports this package and needs none of it.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module("picolink.sim." + _HOMES[name]), name)
    raise AttributeError(f"module 'picolink.sim' has no attribute {name!r}")
