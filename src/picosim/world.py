"""The world: boards, the wires between them, and one seed for all that chance decides."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from picosim import for_picolink
from picosim.base import announce
from picosim.base.events import EventLoop
from picosim.bluetooth.public import Bluetooth
from picosim.i2c.faults import I2cFaults
from picosim.i2c.public import BoardI2c, I2cBus
from picosim.pins import BoardPin
from picosim.rp2040.board import FirmwareBoard
from picosim.runner import flash, interpreter
from picosim.time_server import TimeServer
from picosim.uart.faults import UartFaults
from picosim.uart.public import BoardUart, UartWire
from picosim.virtual_board import HEAP_BYTES, VirtualBoard
from picosim.wifi.access_point import AccessPoint, WifiFaults
from picosim.wifi.medium import Air
from picosim.wires import Wire, WireFaults


class World:
    """Holds virtual boards; a context manager that ends them all.

    With the same seed, names and calls the same things happen (as far as processes of their own
    can be held to that): unique ids, bouncing contacts, glitches.
    """

    def __init__(self, seed: int = 1) -> None:
        interpreter.check()
        self.seed = seed
        self.boards: dict[str, VirtualBoard | FirmwareBoard] = {}
        self.wires: list[Wire] = []
        self.uarts: list[UartWire] = []
        self.i2cs: list[I2cBus] = []
        self.directory = Path(tempfile.mkdtemp(prefix="picosim-world-"))
        self.loop = EventLoop()
        self._thread = threading.Thread(target=self.loop.run, name="picosim world", daemon=True)
        self._thread.start()
        self.air = Air(self.loop)
        self.bluetooth = Bluetooth(self)
        if "picolink" in sys.modules:  # whose `ble:` finds the boards, in this process
            for_picolink.use_air()
        self.access_points: list[AccessPoint] = []
        self._time_servers: list[TimeServer] = []
        self._closed = False
        atexit.register(self.close)

    @classmethod
    def from_toml(
        cls, path: str | os.PathLike[str], lib: Iterable[str | os.PathLike[str]] = ()
    ) -> World:
        """Build the world that a TOML file describes (see docs/simulator.md). `lib`: trees for the
        /lib of boards of which it names none."""
        from picosim.toml import build

        return build(cls, Path(path), [Path(tree) for tree in lib])

    @overload
    def board(
        self,
        name: str,
        main: str | Path | None = None,
        files: Mapping[str, str | bytes | Path] | None = None,
        lib: Iterable[str | os.PathLike[str]] = (),
        libs: Mapping[str, bytes] | None = None,
        *,
        heap_bytes: int = HEAP_BYTES,
        usb: str = "rp2",
        address: str | None = None,
        firmware: str = "",
        start: bool = True,
    ) -> VirtualBoard: ...

    @overload
    def board(
        self,
        name: str,
        main: str | Path | None = None,
        files: Mapping[str, str | bytes | Path] | None = None,
        lib: Iterable[str | os.PathLike[str]] = (),
        libs: Mapping[str, bytes] | None = None,
        *,
        address: str | None = None,
        firmware: Path,
        start: bool = True,
    ) -> FirmwareBoard: ...

    def board(
        self,
        name: str,
        main: str | Path | None = None,
        files: Mapping[str, str | bytes | Path] | None = None,
        lib: Iterable[str | os.PathLike[str]] = (),
        libs: Mapping[str, bytes] | None = None,
        *,
        heap_bytes: int = HEAP_BYTES,
        usb: str = "rp2",
        address: str | None = None,
        firmware: str | Path = "",
        start: bool = True,
    ) -> VirtualBoard | FirmwareBoard:
        """Add a board.

        `main` is the source of `main.py`, or a Path to it. `files` go to `/`, by name; the trees
        in `lib` are copied into `/lib`, and `libs` are ready-made files for `/lib`. `heap_bytes`
        is what `gc.mem_free()` tells at boot, about. `usb="pty"` gives the board the bare terminal
        instead of a real board's USB port: for benchmarks. `firmware="1.25.0"` is what the board
        says it runs; below 1.26.0 it has no `machine.I2CTarget`. `firmware=Path("RPI_PICO_W.uf2")`
        is a firmware that an emulated RP2040 really runs (`pip install "picosim[firmware]"`), with
        USB, flash and Wi-Fi, slowly; it decides about its heap itself then.
        """
        self._check_open()
        if not name or not all(c.isalnum() or c in "-_" for c in name):
            raise ValueError(f"{name!r} is no name for a board: use letters, digits, - and _")
        if name in self.boards:
            raise ValueError(f"this world has a board named {name!r} already")
        contents: dict[str, bytes] = {}
        for root in lib:
            contents |= flash.tree(Path(root))
        contents |= {f"lib/{dest}": data for dest, data in (libs or {}).items()}
        contents |= {dest.lstrip("/"): _bytes(data) for dest, data in (files or {}).items()}
        if main is not None:
            contents["main.py"] = _bytes(main)
        where = address or self._address()
        board: VirtualBoard | FirmwareBoard
        if isinstance(firmware, Path):
            if heap_bytes != HEAP_BYTES or usb != "rp2":
                raise ValueError(f"{name} runs {firmware.name}: heap and USB are the firmware's")
            board = FirmwareBoard(self, name, contents, where, firmware)
        else:
            board = VirtualBoard(self, name, contents, where, heap_bytes, usb, firmware)
        self.boards[name] = board
        if start:
            board.start()
        return board

    def wire(self, a: BoardPin, b: BoardPin, faults: WireFaults | None = None) -> Wire:
        """Join two pins; what one board drives the other sees."""
        rng = random.Random(f"{self.seed}/wire{len(self.wires)}")
        wire = Wire(self.loop, a, b, faults or WireFaults(), rng)
        self.wires.append(wire)
        return wire

    def uart(
        self, a: BoardUart | str, b: BoardUart | str = "pty", faults: UartFaults | None = None
    ) -> UartWire:
        """Join two UARTs: TX to RX both ways, and ground.

        An end is `board.uart(0)`; "pty": a serial port of the host, at the wire's `path`; or
        "login": a computer that offers a login there.
        """
        self._check_open()
        wire = UartWire(self, len(self.uarts), a, b, faults or UartFaults())
        self.uarts.append(wire)
        return wire

    def i2c(
        self, *blocks: BoardI2c, pull_ups: bool = False, faults: I2cFaults | None = None
    ) -> I2cBus:
        """Join I2C blocks of boards (`board.i2c(0)`): SDA to SDA, SCL to SCL, and ground.

        `pull_ups`: two resistors, 4.7 kOhm say, from SDA and SCL to 3V3. A bus needs them and
        boards don't bring them.
        """
        return self._i2c(blocks, pull_ups, faults)

    def i2c_host(
        self,
        bus: int,
        *blocks: BoardI2c,
        pull_ups: bool = True,
        baudrate: int = 100_000,
        controller: str = "pi",
        faults: I2cFaults | None = None,
    ) -> I2cBus:
        """Join boards to this computer's /dev/i2c-N, which `smbus2` then opens; N is `bus`.

        It is as on a Raspberry Pi, which has pull-ups on its pins 3 and 5; `baudrate` is the
        bus's (`dtparam=i2c_arm_baudrate`). `controller="gpio"` is one made of two pins
        (`dtoverlay=i2c-gpio`), which has no clock-stretching bug.
        """
        made = self._i2c(blocks, pull_ups, faults, bus, baudrate, controller)
        from picosim.i2c import host as device

        device.install()
        return made

    def _i2c(
        self, blocks: tuple[BoardI2c, ...], pull_ups: bool, faults: I2cFaults | None, *host: Any
    ) -> I2cBus:
        self._check_open()
        bus = I2cBus(self, len(self.i2cs), blocks, pull_ups, faults or I2cFaults(), *host)
        self.i2cs.append(bus)
        return bus

    def access_point(
        self,
        ssid: str,
        password: str = "",
        *,
        channel: int = 6,
        rssi: int = -55,
        dhcp: bool = True,
        address: str = "192.168.1.1",
        internet: bool = True,
        names: Mapping[str, str] | None = None,
        faults: WifiFaults | None = None,
    ) -> AccessPoint:
        """Add a Wi-Fi router.

        `password=""` is an open network; `rssi` is the signal in dBm at the boards; channels from
        15 on are 5 GHz, which a Pico W does not hear. `address` is the router's; this computer
        answers there too. `internet`: whether a way leads on to this computer's loopback
        addresses. `names` are what its DNS knows. Boards that boot from now on have no other
        network than Wi-Fi.
        """
        self._check_open()
        point = AccessPoint(
            self.loop, self.air.changed, ssid, password, channel=channel, rssi=rssi, dhcp=dhcp,
            address=address, internet=internet, names=names, faults=faults,
        )  # fmt: skip
        self.access_points.append(point)
        self.loop.call(lambda: self.air.add(point))
        for board in self.boards.values():
            self.loop.call(lambda board=board: board.tell("wired", False))  # type: ignore[misc]
        return point

    def time_server(self) -> TimeServer:
        """Add a time server; set what is wrong with it at any time (`dead`, `ahead_s`, ...)."""
        server = TimeServer(self.loop)
        self._time_servers.append(server)
        return server

    def close(self) -> None:
        """End all boards and remove their files."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        for board in self.boards.values():
            board.kill()
        for wire in self.uarts:
            wire.close()
        for bus in self.i2cs:
            bus.close()
        self.loop.call(self.air.close)
        self.loop.call(self.bluetooth.close)
        for server in self._time_servers:
            self.loop.call(server.close)
        self.loop.post(self._end)
        self._thread.join()
        self.loop.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("this world has ended; make a new one")

    def _end(self) -> None:
        self.loop.running = False

    def _address(self) -> str:
        used = {board.address for board in self.boards.values()}
        used |= {str(about.get("address")) for about in announce.announced()}
        net = os.getpid() % 253 + 1  # worlds of other processes are likely elsewhere
        for number in range(1, 65000):
            address = f"127.77.{(net + number // 254) % 254}.{number % 254 + 1}"
            if address not in used:
                return address
        raise RuntimeError("no loopback address is free; end some virtual boards")

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _bytes(data: str | bytes | Path) -> bytes:
    if isinstance(data, Path):
        return data.read_bytes()
    return data.encode() if isinstance(data, str) else data
