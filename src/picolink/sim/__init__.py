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
    from picolink.sim.bluetooth.air import Bluetooth, BoardBluetooth
    from picolink.sim.bluetooth.faults import BluetoothFaults
    from picolink.sim.held_board import BoardFailed
    from picolink.sim.i2c.faults import I2cFaults
    from picolink.sim.i2c.wire import BoardI2c, I2cBus
    from picolink.sim.interpreter import InterpreterMissing
    from picolink.sim.pins import BoardAdc, BoardPin
    from picolink.sim.rp2040.board import EmulatorMissing, FirmwareBoard, NotEmulated
    from picolink.sim.uart.faults import UartFaults
    from picolink.sim.uart.wire import BoardUart, UartWire
    from picolink.sim.virtual_board import VirtualBoard
    from picolink.sim.wifi.access_point import AccessPoint, WifiFaults
    from picolink.sim.wifi.radio import Radio, RadioFaults
    from picolink.sim.wires import Wire, WireFaults
    from picolink.sim.world import World

__all__ = [
    "AccessPoint",
    "Bluetooth",
    "BluetoothFaults",
    "BoardAdc",
    "BoardBluetooth",
    "BoardFailed",
    "BoardI2c",
    "BoardPin",
    "BoardUart",
    "EmulatorMissing",
    "FirmwareBoard",
    "I2cBus",
    "I2cFaults",
    "InterpreterMissing",
    "NotEmulated",
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
    "AccessPoint": "wifi.access_point",
    "Bluetooth": "bluetooth.air",
    "BluetoothFaults": "bluetooth.faults",
    "BoardAdc": "pins",
    "BoardBluetooth": "bluetooth.air",
    "BoardFailed": "held_board",
    "BoardI2c": "i2c.wire",
    "BoardPin": "pins",
    "BoardUart": "uart.wire",
    "EmulatorMissing": "rp2040.board",
    "FirmwareBoard": "rp2040.board",
    "I2cBus": "i2c.wire",
    "I2cFaults": "i2c.faults",
    "InterpreterMissing": "interpreter",
    "NotEmulated": "rp2040.board",
    "Radio": "wifi.radio",
    "RadioFaults": "wifi.radio",
    "UartFaults": "uart.faults",
    "UartWire": "uart.wire",
    "VirtualBoard": "virtual_board",
    "WifiFaults": "wifi.access_point",
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
