"""A board that runs a real firmware, as the host holds it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from picosim.base.lines import Message
from picosim.errors import BoardFailed, EmulatorMissing
from picosim.held_board import HeldBoard
from picosim.rp2040 import firmware as files_of_firmware
from picosim.rp2040.firmware import BLOCK_BYTES, LISTEN_PORTS
from picosim.runner import flash

if TYPE_CHECKING:
    from picosim.bluetooth.public import BoardBluetooth
    from picosim.i2c.public import BoardI2c
    from picosim.pins import BoardAdc, BoardPin
    from picosim.uart.public import BoardUart
    from picosim.wifi.radio import Radio
    from picosim.world import World

START_S = 90
"""The emulated core is slow, and may share a processor."""


class NotEmulated(NotImplementedError):
    """A board of firmware has no such thing that the world could reach."""


class FirmwareBoard(HeldBoard):
    """One board: an emulated RP2040 that runs the firmware of a real one.

    Made by `World.board(..., firmware=Path("RPI_PICO_W.uf2"))`. Once it has joined a Wi-Fi it is
    dialed at its `address`, at port 5263 and at those of `listen`.
    """

    _module = "picosim.rp2040.process"

    def __init__(
        self,
        world: World,
        name: str,
        files: Mapping[str, bytes],
        address: str,
        firmware: Path,
    ) -> None:
        self.firmware = files_of_firmware.read(firmware.absolute())
        if importlib.util.find_spec("rp2040py") is None:
            raise EmulatorMissing(
                f"{name} is to run {firmware.name}, and the emulated RP2040 for that is not "
                'installed: pip install "picosim[firmware]"'
            )
        super().__init__(world, name, address)
        self.flash_kb = self.firmware.blocks * BLOCK_BYTES // 1024
        self._ports = list(LISTEN_PORTS)
        self._staged = flash.stage(files, self.directory)

    def __repr__(self) -> str:
        kind = "Pico W" if self.firmware.wifi else "Pico"
        return f"<{kind} {self.name}: {self.state}, {self.usb_path}, {self.address}>"

    def _config(self) -> dict[str, Any]:
        return {
            "firmware": str(self.firmware.path),
            "staged": str(self._staged),
            "ports": self._ports,
        }

    # -- life

    def start(self, timeout_s: float = START_S) -> None:
        """Start it: power and USB cable in. Returns once `usb_path` is there."""
        super().start(timeout_s)
        self._wait_port(timeout_s)

    def power_on(self) -> None:
        """Apply power again; the flash is as it was. Returns once `usb_path` is there."""
        super().power_on()
        self._wait_port()

    def reset(self) -> None:
        """Press RUN: a hard reset. Returns once `usb_path` is there again."""
        super().reset()
        self._wait_port()

    def plug(self) -> None:
        """Put the USB cable in again. Returns once `usb_path` is there."""
        super().plug()
        if self._state in ("up", "running"):
            self._wait_port()

    @property
    def state(self) -> str:
        """off, booting, up (USB is there), running (its core has waited for something since, or
        worked for a second), reset, bootloader: what shows at its port and its core."""
        return self._state

    def wait_ready(self, timeout_s: float = START_S) -> None:
        """Wait until `main.py` waits for something, or the REPL; or has worked for a second."""
        self.wait_state("running", timeout_s=timeout_s)

    def log_text(self) -> str:
        """The last 64 kB of what it printed while its port was open: with nobody there the firmware
        keeps the last 300 bytes or so for whoever opens it, and drops what was before."""
        return super().log_text()

    def _wait_port(self, timeout_s: float = START_S) -> None:
        def there() -> bool:
            return self._state in ("off", "failed", "bootloader") or (
                self._state in ("up", "running")
                and (not self._plugged or Path(self.usb_path).exists())
            )

        with self._changed:
            if not self._changed.wait_for(there, timeout_s) or self._state == "failed":
                raise BoardFailed(
                    f"{self.name} did not come to USB within {timeout_s} s: {self._why()}"
                )

    def listen(self, port: int) -> None:
        """Have it dialed at this port of its `address` too (a Pico W, by Wi-Fi)."""
        if not self.firmware.wifi:
            raise NotEmulated(f"{self.name} runs {self.firmware.path.name}, which has no Wi-Fi")
        if port not in self._ports:
            self._ports.append(port)
            if self._process:
                self._query("listen", port)

    # -- what only an emulated chip tells

    def cycles(self) -> int:
        """Cycles that its core worked since it was made: 125 million are a second of a Pico's. Time
        that it waits for something is not in them."""
        return int(self._query("cycles"))

    def seconds(self) -> float:
        """By the board's own clock, since its power came."""
        return float(self._query("seconds"))

    def memory(self, address: int, count: int) -> bytes:
        """Bytes of its memory; RAM is from 0x20000000 on, the flash from 0x10000000."""
        return bytes.fromhex(self._query("memory", address, count))

    def refused(self) -> list[tuple[str, int]]:
        """Addresses and ports that its program wanted to reach by Wi-Fi, where no way leads."""
        return [(address, port) for address, port in self._query("refused")]

    def _query(self, *question: Any) -> Any:
        try:
            if self._process:
                return self._process.ask("ask", *question, timeout_s=30)
        except TimeoutError:
            pass
        raise BoardFailed(f"{self.name} does not tell its {question[0]}: {self._why()}")

    def _received(self, message: Message) -> None:
        if message[0] == "port":
            with self._changed:
                self._changed.notify_all()
        else:
            super()._received(message)

    # -- what is around it: not yet

    def _missing(self, what: str) -> NoReturn:
        raise NotEmulated(
            f"{self.name} runs {self.firmware.path.name} in an emulated RP2040, and {what}; "
            "a board without firmware=Path(...) has that"
        )

    def pin(self, number: int | str) -> BoardPin:
        """Raises NotEmulated."""
        self._missing("the world does not reach its pins")

    def adc(self, channel: int) -> BoardAdc:
        """Raises NotEmulated."""
        self._missing("the world does not reach its ADC")

    def set_adc(self, channel: int, volts: float) -> None:
        """Raises NotEmulated."""
        self._missing("the world does not reach its ADC")

    def uart(self, id: int, tx: int | None = None, rx: int | None = None) -> BoardUart:
        """Raises NotEmulated."""
        self._missing("the world has no wires to its UARTs")

    def i2c(self, id: int, sda: int | None = None, scl: int | None = None) -> BoardI2c:
        """Raises NotEmulated."""
        self._missing("the world has no wires to its I2C blocks")

    @property
    def radio(self) -> Radio:
        """Raises NotEmulated."""
        self._missing("its Wi-Fi has one access point, which takes every password")

    @property
    def bluetooth(self) -> BoardBluetooth:
        """Raises NotEmulated."""
        self._missing("the emulated radio has no Bluetooth")
