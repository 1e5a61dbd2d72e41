"""A virtual board as the host holds it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picolink.sim import announce, flash
from picolink.sim.bluetooth.air import BoardBluetooth
from picolink.sim.i2c.wire import BoardI2c, board_i2c
from picolink.sim.lines import Lines, Message
from picolink.sim.pins import BoardAdc, BoardPin, thermometer_volts
from picolink.sim.printed import Printed
from picolink.sim.uart.wire import BoardUart, board_uart
from picolink.sim.wifi.datagrams import HERE
from picolink.sim.wifi.radio import Radio

if TYPE_CHECKING:
    from picolink.sim.world import World

HEAP_BYTES = 400 * 1024
"""On 64 bit this holds about what the 200 kB of a Pico W do."""
STAND_IN_BYTES = {"rp2": 102_370, "pty": 100_900}
"""What the stand-ins themselves take of the heap; added, so that a program finds `HEAP_BYTES`."""
ROOM_CELSIUS = 21.0
_FIRMWARE = re.compile(r"\d+\.\d+\.\d+")
_HERE = Path(__file__).parent / "board"
_START = "import sys; sys.path[:] = {path!r}; from picolink.sim.supervisor import main; main()"


class BoardFailed(RuntimeError):
    """A virtual board could not be started, or ended unexpectedly."""


class VirtualBoard:
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
        self._firmware = firmware
        self.world = world
        self.name = name
        self.address = address
        self.usb = usb
        self.unique_id = hashlib.sha256(f"{world.seed}/{name}".encode()).digest()[:8]
        self.directory = world.directory / name
        self.directory.mkdir()
        self.usb_path = str(self.directory / "usb")
        self._heap_bytes = heap_bytes + STAND_IN_BYTES[usb]
        self._key = flash.image_key(files)
        self._cached = flash.cache_directory() / f"{self._key}.img"
        self._staged: Path | None = None
        if not flash.copy(self._cached, self.directory / "flash.img"):
            self._staged = flash.stage(files, self.directory)
        self._rng = random.Random(f"{world.seed}/{name}/pins")
        self._adc = {4: thermometer_volts(ROOM_CELSIUS)}
        self._pins: dict[int | str, BoardPin] = {}
        self._uarts: dict[int, tuple[str, int, tuple[int, int]]] = {}
        self._i2cs: dict[int, tuple[str, int, tuple[int, int]]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: Lines | None = None
        self._announcement: Path | None = None
        self._changed = threading.Condition()
        self._state = "off"
        self._resets = 0
        self._plugged = True
        self._said: Any = None
        self._printed = Printed(self._changed, self._send, lambda: self._state != "failed")
        self._pin_lock = threading.Lock()
        self._radio, self._token = world.air.radio(name, address, self.unique_id)
        self._bluetooth = world.bluetooth.board(name, self.unique_id)

    def __repr__(self) -> str:
        return f"<virtual board {self.name}: {self.state}, {self.usb_path}, {self.address}>"

    # -- life

    def start(self, timeout_s: float = 10) -> None:
        """Start it: power and USB cable in. Returns once `usb_path` is there."""
        if self._process:
            return
        here, there = socket.socketpair()
        config = {
            "fd": there.fileno(),
            "usb": self.usb,
            "firmware": self._firmware,
            "usb_path": self.usb_path,
            "unique_id": self.unique_id.hex(),
            "address": self.address,
            "air": [HERE, self.world.air.port, self._token],
            "bluetooth": [HERE, self.world.bluetooth.port, self._bluetooth.token],
            "wired": not self.world.access_points,
            "plugged": self._plugged,
            "heap_bytes": self._heap_bytes,
            "flash": str(self.directory / "flash.img"),
            "cached_image": str(self._cached),
            "staged": str(self._staged),
            "board_directory": str(_HERE),
        }
        self._state = "starting"
        start = _START.format(path=[p or os.getcwd() for p in sys.path])
        with open(self.directory / "stderr", "wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", start, json.dumps(config)],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        there.close()
        ready = threading.Event()

        def listen() -> None:
            self._lines = Lines(self.world.loop, here, self._received, self._lost)
            for pin in list(self._pins.values()):
                if pin._outside is not None:
                    self.tell("ext", pin._key, pin._outside)
            for channel, volts in self._adc.items():
                self.tell("adc", channel, volts)
            for number, wired in self._uarts.items():
                self.tell("uart", number, *wired)
            for number, wired in self._i2cs.items():
                self.tell("i2c", number, *wired)
            ready.set()

        self.world.loop.post(listen)
        ready.wait(timeout_s)
        with self._changed:
            done = self._changed.wait_for(lambda: self._state not in ("starting",), timeout_s)
        if not done or self._state == "failed":
            self.kill()
            raise BoardFailed(f"the virtual board {self.name} did not start: {self._why()}")
        self._announce(True)

    def kill(self) -> None:
        """End the board's processes at once, as if it had never been there."""
        self._announce(False)
        self.world.loop.call(self._radio.power_lost)
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._lines:
            self.world.loop.post(self._lines.close)
            self._lines = None
            dark = threading.Event()
            self.world.loop.post(self._darken)
            self.world.loop.post(dark.set)
            dark.wait(5)
        Path(self.usb_path).unlink(missing_ok=True)
        self._set_state("off")

    def power_off(self) -> None:
        """Take the power away: no goodbye on any link."""
        self._announce(False)
        self._ask("off", "power", False)

    def power_on(self) -> None:
        """Apply power again; the flash is as it was."""
        if self._process is None:
            self.start()
            return
        self._ask("running", "power", True)
        self._announce(self._plugged)

    def reset(self) -> None:
        """Press RUN: a hard reset. Returns when the board boots."""
        self._ask("reset", "reset")

    def unplug(self) -> None:
        """Pull the USB cable out; the board runs on (it is powered otherwise)."""
        if self.usb != "rp2":
            raise ValueError('only a board with usb="rp2" can be unplugged')
        self._plugged = False
        self._announce(False)
        self._send("plug", False)
        if self._process:
            self._settle()

    def plug(self) -> None:
        """Put the USB cable in again."""
        self._plugged = True
        self._send("plug", True)
        if self._process:
            self._settle()
        self._announce(self._state != "off")

    @property
    def process_id(self) -> int:
        """Of the board's supervisor, whose child the interpreter is; 0 while it has none."""
        return self._process.pid if self._process else 0

    @property
    def state(self) -> str:
        """off, booting, reset, up (boot.py), main, repl, deepsleep, bootloader or crashed."""
        return self._state

    def wait_ready(self, timeout_s: float = 20) -> None:
        """Wait until `main.py` runs, or the REPL if there is none."""
        self.wait_state("main", "repl", timeout_s=timeout_s)

    def wait_state(self, *states: str, timeout_s: float = 20) -> None:
        """Wait until the board is in one of these states; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._state in states, timeout_s):
                raise TimeoutError(
                    f"{self.name} was not {' or '.join(states)} within {timeout_s} s, but "
                    f"{self._state}; what it printed last:\n{self.log_text()[-800:]}"
                )

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

    def wire_uart(self, id: int, path: str, end: int, pins: tuple[int, int]) -> None:
        """Hang the wires whose process listens at `path` to a UART (see `World.uart`)."""
        self._uarts[id] = (path, end, pins)
        self._send("uart", id, path, end, pins)
        if self._process:
            self._settle()

    def i2c(self, id: int, sda: int | None = None, scl: int | None = None) -> BoardI2c:
        """The I2C block `id` for `World.i2c`, at its default pins (4 and 5, 6 and 7) or others."""
        return board_i2c(self, id, sda, scl)

    def wire_i2c(self, id: int, path: str, end: int, pins: tuple[int, int]) -> None:
        """Hang the bus whose process listens at `path` to an I2C block (see `World.i2c`)."""
        self._i2cs[id] = (path, end, pins)
        self._send("i2c", id, path, end, pins)
        if self._process:
            self._settle()

    @property
    def radio(self) -> Radio:
        """Its Wi-Fi: where it has joined, and what is wrong with it."""
        return self._radio

    @property
    def bluetooth(self) -> BoardBluetooth:
        """Its Bluetooth: the address, and where the board is."""
        return self._bluetooth

    def log_text(self) -> str:
        """The last 64 kB of what it printed, read by anybody or not (usb="rp2" only)."""
        return self._printed.text(20 if self._process else 0)

    def wait_printed(self, what: str, timeout_s: float = 20) -> str:
        """Wait until it has printed a line with `what` in it; returns what follows it there.
        Raises TimeoutError."""
        rest = self._printed.line(what, timeout_s)
        if rest is None:
            raise TimeoutError(
                f"{self.name} did not print {what!r} within {timeout_s} s; what it printed last:\n"
                f"{self.log_text()[-800:]}"
            )
        return rest

    def _announce(self, there: bool) -> None:
        # Host tools find a board that hangs at a cable, and no other.
        if self._announcement:
            self._announcement.unlink(missing_ok=True)
            self._announcement = None
        if there and self._process:
            about = {
                "name": self.name,
                "unique_id": self.unique_id.hex(),
                "usb_path": self.usb_path,
                "address": self.address,
                "pid": self._process.pid,
            }
            self._announcement = announce.announce(about)

    # -- talking to its supervisor

    def tell(self, *message: Any) -> None:
        """Send a message; in the world's thread only."""
        if self._lines:
            self._lines.send(*message)

    def _send(self, *message: Any) -> None:
        self.world.loop.post(lambda: self.tell(*message))

    def _settle(self) -> None:
        self._printed.text()  # which comes when all that it was told before is done

    def _ask(self, until: str, *message: Any, timeout_s: float = 20) -> None:
        resets = self._resets
        self._send(*message)

        def reached() -> bool:
            if until == "off":
                return self._state == "off"
            # The states in between can be too short to be seen.
            return self._state not in ("off", "reset") and (
                until == "running" or self._resets > resets
            )

        with self._changed:
            if not self._changed.wait_for(reached, timeout_s):
                raise BoardFailed(f"{self.name} did not obey: {self._why()}")

    def _received(self, message: Message) -> None:
        kind = message[0]
        if kind == "dark":
            self._radio.power_lost()
        elif kind == "pin":
            self.pin(message[1]).reported(*message[2:])
        elif kind == "pwm":
            self.pin(message[1]).reported_pwm(*message[2:])
        elif kind == "state":
            if message[1] in ("reset", "off", "crashed", "deepsleep", "bootloader"):
                self._darken()
            self._set_state(message[1])
        elif kind == "log":
            self._printed.received(message[1], message[2])
        elif kind == "no flash":
            self._said = message[1]
        elif kind == "started":
            self._set_state("booting" if self._state == "starting" else self._state)

    def _darken(self) -> None:
        for pin in list(self._pins.values()):
            pin.reported(0, 0, None)
            pin.reported_pwm(0, 0)

    def _set_state(self, state: str) -> None:
        with self._changed:
            self._resets += state == "reset"
            self._state = state
            self._changed.notify_all()

    def _lost(self) -> None:
        self._set_state("failed")

    def _why(self) -> str:
        if self._said:
            return f"its files don't fit into its flash of 848 kB ({self._said[-1]})"
        try:
            said = (self.directory / "stderr").read_text().strip()
        except OSError:
            said = ""
        return said or f"it is {self._state}"
