"""Virtual Pico W boards: the real MicroPython in a world of wires, buttons, cables and faults.

    from picosim import World

    with World(seed=1) as world:
        board = world.board("greenhouse", main="print('hello')")
        print(board.usb_path, board.address)

The board's side of it, MicroPython source, is in `board/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from picosim.bluetooth.faults import BluetoothFaults
    from picosim.bluetooth.public import Bluetooth, BoardBluetooth
    from picosim.errors import (
        BadWorld,
        BluetoothMissing,
        BoardFailed,
        EmulatorMissing,
        FirmwareUnknown,
        InterpreterMissing,
        PicosimError,
        WrongInput,
    )
    from picosim.i2c.faults import I2cFaults
    from picosim.i2c.public import BoardI2c, I2cBus
    from picosim.pins import BoardAdc, BoardPin
    from picosim.rp2040.board import FirmwareBoard, NotEmulated
    from picosim.uart.faults import UartFaults
    from picosim.uart.public import BoardUart, UartWire
    from picosim.virtual_board import VirtualBoard
    from picosim.wifi.access_point import AccessPoint, WifiFaults
    from picosim.wifi.radio import Radio, RadioFaults
    from picosim.wires import Wire, WireFaults
    from picosim.world import World

__all__ = [
    "AccessPoint",
    "BadWorld",
    "Bluetooth",
    "BluetoothFaults",
    "BluetoothMissing",
    "BoardAdc",
    "BoardBluetooth",
    "BoardFailed",
    "BoardI2c",
    "BoardPin",
    "BoardUart",
    "EmulatorMissing",
    "FirmwareBoard",
    "FirmwareUnknown",
    "I2cBus",
    "I2cFaults",
    "InterpreterMissing",
    "NotEmulated",
    "PicosimError",
    "Radio",
    "RadioFaults",
    "UartFaults",
    "UartWire",
    "VirtualBoard",
    "WifiFaults",
    "Wire",
    "WireFaults",
    "World",
    "WrongInput",
]

#: Where they are; the rest is in `errors`.
_HOMES = {
    "bluetooth.faults": ("BluetoothFaults",),
    "bluetooth.public": ("Bluetooth", "BoardBluetooth"),
    "i2c.faults": ("I2cFaults",),
    "i2c.public": ("BoardI2c", "I2cBus"),
    "pins": ("BoardAdc", "BoardPin"),
    "rp2040.board": ("FirmwareBoard", "NotEmulated"),
    "uart.faults": ("UartFaults",),
    "uart.public": ("BoardUart", "UartWire"),
    "virtual_board": ("VirtualBoard",),
    "wifi.access_point": ("AccessPoint", "WifiFaults"),
    "wifi.radio": ("Radio", "RadioFaults"),
    "wires": ("Wire", "WireFaults"),
    "world": ("World",),
}


def __getattr__(name: str) -> Any:
    # Loaded when first used: the process of each board imports this package and needs none of it.
    if name in __all__:
        import importlib

        home = next((module for module, names in _HOMES.items() if name in names), "errors")
        return getattr(importlib.import_module("picosim." + home), name)
    raise AttributeError(f"module 'picosim' has no attribute {name!r}")
