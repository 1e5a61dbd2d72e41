"""A virtual board as the host holds it."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picosim.base.lines import Message
from picosim.bluetooth.public import BoardBluetooth
from picosim.held_board import HeldBoard
from picosim.i2c.public import BoardI2c, board_i2c
from picosim.pins import BoardAdc, BoardPin, thermometer_volts
from picosim.runner import flash
from picosim.uart.public import BoardUart, board_uart
from picosim.wifi.datagrams import HERE
from picosim.wifi.radio import Radio

if TYPE_CHECKING:
    from picosim.world import World

HEAP_BYTES = 400 * 1024
"""On 64 bit this holds about what the 200 kB of a Pico W do."""
STAND_IN_BYTES = {"rp2": 100_520, "pty": 99_010}
"""What the stand-ins themselves take of the heap; added, so that a program finds `HEAP_BYTES`."""
ROOM_CELSIUS = 21.0
_FIRMWARE = re.compile(r"\d+\.\d+\.\d+")
_HERE = Path(__file__).parent / "board"


class VirtualBoard(HeldBoard):
    """One board: the real MicroPython with its own flash, pins, USB port and address.

    Made by `World.board`. `usb_path` is what pyserial or mpremote open (the same over resets);
    `address` is the loopback address its sockets listen on and dial from; `unique_id` the 8 bytes
    of `machine.unique_id()`.
    """

    def __init__(
        self,
        world: World,
        name: str,
        files: Mapping[str, bytes],
        address: str,
        heap_bytes: int = HEAP_BYTES,
        usb: str = "rp2",
        firmware: str = "",
    ) -> None:
        if usb not in STAND_IN_BYTES:
            raise ValueError(f'usb={usb!r}: there is "rp2" (as a real board) and "pty" (bare)')
        if firmware and not _FIRMWARE.fullmatch(firmware):
            raise ValueError(f'firmware={firmware!r}: give a version of MicroPython, as "1.26.0"')
        super().__init__(world, name, address)
        self._firmware = firmware
        self.usb = usb
        self._heap_bytes = heap_bytes + STAND_IN_BYTES[usb]
        self._key = flash.image_key(files)
        self._cached = flash.cache_directory() / f"{self._key}.img"
        self._staged: Path | None = None
        if not flash.copy(self._cached, self.directory / "flash.img"):
            self._staged = flash.stage(files, self.directory)
        self._rng = random.Random(f"{world.seed}/{name}/pins")
        self._adc = {4: thermometer_volts(ROOM_CELSIUS)}
        self._pins: dict[int | str, BoardPin] = {}
        self._wired: dict[tuple[str, int], tuple[str, int, tuple[int, int]]] = {}
        self._pin_lock = threading.Lock()
        self._radio, self._token = world.air.radio(name, address, self.unique_id)
        self._bluetooth = world.bluetooth.board(name, self.unique_id)

    def _config(self) -> dict[str, Any]:
        return {
            "usb": self.usb,
            "firmware": self._firmware,
            "air": [HERE, self.world.air.port, self._token],
            "bluetooth": [HERE, self.world.bluetooth.port, self._bluetooth.token],
            "wired": not self.world.access_points,
            "heap_bytes": self._heap_bytes,
            "cached_image": str(self._cached),
            "staged": str(self._staged),
            "board_directory": str(_HERE),
        }

    def _introduce(self) -> None:
        for pin in list(self._pins.values()):
            if pin._outside is not None:
                self.tell("ext", pin._key, pin._outside)
        for channel, volts in self._adc.items():
            self.tell("adc", channel, volts)
        for port, wired in self._wired.items():
            self.tell(*port, *wired)

    # -- what is around it

    def pin(self, number: int | str) -> BoardPin:
        """The pin `number` (0 to 29, "GP15", "LED")."""
        key: int | str = number
        if isinstance(key, str) and key.startswith("GP") and key[2:].isdigit():
            key = int(key[2:])
        if key != "LED" and not (isinstance(key, int) and 0 <= key <= 29):
            raise ValueError(f'a Pico W has no pin {number!r}; there are 0 to 29 and "LED"')
        with self._pin_lock:
            if key not in self._pins:
                self._pins[key] = BoardPin(self, key, self._rng)
            return self._pins[key]

    def adc(self, channel: int) -> BoardAdc:
        """The analogue input `channel`: 0 to 2 (pins 26 to 28), 3 (VSYS), 4 (thermometer)."""
        if not 0 <= channel <= 4:
            raise ValueError(f"a Pico W has ADC channels 0 to 4, not {channel}")
        return BoardAdc(self, channel)

    def set_adc(self, channel: int, volts: float) -> None:
        """Apply a voltage to an analogue input (see `adc`)."""
        self._adc[channel] = volts
        self._send("adc", channel, volts)

    def uart(self, id: int, tx: int | None = None, rx: int | None = None) -> BoardUart:
        """The UART `id` for `World.uart`, at its default pins (0 and 1, 4 and 5) or others."""
        return board_uart(self, id, tx, rx)

    def i2c(self, id: int, sda: int | None = None, scl: int | None = None) -> BoardI2c:
        """The I2C block `id` for `World.i2c`, at its default pins (4 and 5, 6 and 7) or others."""
        return board_i2c(self, id, sda, scl)

    def hang(self, kind: str, id: int, path: str, end: int, pins: tuple[int, int]) -> None:
        """Hang the wires whose process listens at `path` to a port: "uart" or "i2c"."""
        self._wired[kind, id] = (path, end, pins)
        self._settle(kind, id, path, end, pins)

    @property
    def radio(self) -> Radio:
        """Its Wi-Fi: where it has joined, and what is wrong with it."""
        return self._radio

    @property
    def bluetooth(self) -> BoardBluetooth:
        """Its Bluetooth: the address, and where the board is."""
        return self._bluetooth

    # -- talking to its supervisor

    def _received(self, message: Message) -> None:
        kind = message[0]
        if kind == "dark":
            self._radio.power_lost()
        elif kind == "pin":
            self.pin(message[1]).reported(*message[2:])
        elif kind == "pwm":
            self.pin(message[1]).reported_pwm(*message[2:])
        else:
            super()._received(message)

    def _power_lost(self) -> None:
        self._radio.power_lost()

    def _darken(self) -> None:
        for pin in list(self._pins.values()):
            pin.reported(0, 0, None)
            pin.reported_pwm(0, 0)
