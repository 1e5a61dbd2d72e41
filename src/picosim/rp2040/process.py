"""The process behind a board of firmware: power, cable, what comes from the world, and the chip.

As the process of a virtual board, it ends when the socket to its world closes.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from picosim.base.child import Served, serve
from picosim.base.lines import Message
from picosim.errors import FirmwareUnknown
from picosim.rp2040 import firmware, image
from picosim.rp2040.chip import CORE_HZ, LOOK_S, Chip
from picosim.rp2040.flash import SECTOR_BYTES
from picosim.rp2040.port import FirmwarePort
from picosim.rp2040.wifi import Bridge
from picosim.runner import flash
from picosim.runner.output import Log

ENUMERATION_S = 0.1
"""How long USB is gone at a hard reset at least (about a second on a real host)."""
REST_S = 0.002
REST_SHARE = 0.3
"""A core that works less for so long rests: it waits for something."""
READY_S = 1.0
"""Of its time after USB is there: what still works then is a program."""


class FirmwareProcess(Served):
    """One board."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.firmware = firmware.read(Path(config["firmware"]))
        self.unique_id = bytes.fromhex(config["unique_id"])
        self.plugged: bool = config["plugged"]
        self.bridge: Bridge | None = None
        if self.firmware.wifi:
            self.bridge = Bridge(config["address"], config["ports"])
        self.log = Log(self.world.send)
        self.port = FirmwarePort(self.loop, Path(config["usb_path"]), self.log.add)
        self.chip: Chip | None = None
        self.state = "off"
        self.cycles_before = 0  # of chips that were switched off
        self._gone_until = 0.0
        self._seen_cycles = 0
        self._seen_s = self._up_s = self._rest_s = 0.0

    def run(self) -> None:
        """Serve until the world goes."""
        self._make_flash()
        self.power_on()
        self.world.send("started", self.config["fd"])
        while self.loop.running:
            if self.chip is None:
                self._idle(None)
                if self.bridge:
                    self.bridge.poll()
                continue
            self.chip.run_slice()
            if self.chip is not None:  # its power may have gone while it was idle
                self._after_slice(self.chip)
            self.loop.turn(0)
        self.port.vanish()
        if self.bridge:
            self.bridge.close()

    # -- power and resets

    def power_on(self) -> None:
        """Apply power."""
        if self.chip is not None:
            return
        chip = Chip(
            self.firmware, self.unique_id, self.port.received, self.port.takes, bridge=self.bridge
        )
        chip.rp2040.flash[:] = self._image.read_bytes()
        chip.usb.opened = False
        chip.idle = self._idle
        chip.is_reset = self._is_reset
        self.chip = chip
        self._booting(chip)

    def power_off(self) -> None:
        """Take the power away at once."""
        if self.chip is not None:
            self._keep(self.chip)
            self.cycles_before += self.chip.cycles
        self.chip = None
        if self.bridge:
            self.bridge.reset()
        self.port.vanish()
        self._set_state("off")

    def _is_reset(self) -> None:
        assert self.chip
        self.chip.usb.opened = False
        self.port.vanish()
        self._set_state("reset")
        self._gone_until = time.monotonic() + ENUMERATION_S
        self._booting(self.chip)

    def _booting(self, chip: Chip) -> None:
        self._seen_cycles, self._seen_s = chip.cycles, chip.now_s
        self._set_state("booting")

    def _set_state(self, state: str) -> None:
        self.state = state
        self.world.send("state", state)

    def _idle(self, ahead_s: float | None) -> None:
        self.loop.turn(ahead_s, self.bridge.sockets() if self.bridge else ())

    def _after_slice(self, chip: Chip) -> None:
        self.port.serve()
        if chip.written:
            self._keep(chip)
        if not self.port.there and self.plugged and time.monotonic() >= self._gone_until:
            if chip.usb.connected:
                self.port.appear(chip)
                self.world.send("port")
        if self.state == "booting":
            if chip.usb.is_drive:
                self._set_state("bootloader")
            elif chip.usb.connected and (self.port.there or not self.plugged):
                self._up_s = self._rest_s = chip.now_s
                self._set_state("up")
        elif self.state == "up":
            self._look_for_rest(chip)

    def _look_for_rest(self, chip: Chip) -> None:
        worked = (chip.cycles - self._seen_cycles) / CORE_HZ
        if worked > REST_SHARE * max(chip.now_s - self._seen_s, LOOK_S):
            self._rest_s = chip.now_s
        self._seen_cycles, self._seen_s = chip.cycles, chip.now_s
        if chip.now_s - self._rest_s > REST_S or chip.now_s - self._up_s > READY_S:
            self._set_state("running")

    # -- messages

    def _told(self, message: Message) -> None:
        kind = message[0]
        if kind == "power":
            if message[1]:
                self.power_on()
            else:
                self.power_off()
        elif kind == "reset":
            if self.chip is not None:
                self.chip.reset()
        elif kind == "plug":
            self._plug(message[1])
        elif kind == "log":
            self.log.ask(*message[1:])
        elif kind == "ask":
            self.world.send("answer", message[1], self._answer(message[2], *message[3:]))

    def _answer(self, what: str, *arguments: Any) -> Any:
        if what == "cycles":
            return self.cycles_before + (self.chip.cycles if self.chip is not None else 0)
        if what == "seconds":
            return self.chip.now_s if self.chip is not None else 0.0
        if what == "memory":
            start, count = arguments
            if self.chip is None:
                return ""
            read = self.chip.rp2040.read_uint8
            return bytes(read(start + at) for at in range(count)).hex()
        if what == "listen" and self.bridge:
            self.bridge.listen(arguments[0])
            return None
        return self.bridge.refused if self.bridge else []

    def _plug(self, plugged: bool) -> None:
        if plugged == self.plugged:
            return
        self.plugged = plugged
        chip = self.chip
        if chip is None:
            return
        if not plugged:
            self.port.vanish()
            chip.usb.open(False)
        elif chip.usb.connected:
            chip.usb.replug()

    # -- the flash outlives the power, and the process

    @property
    def _image(self) -> Path:
        return Path(self.config["flash"])

    def _make_flash(self) -> None:
        if self._image.exists():
            return
        staged = json.loads(Path(self.config["staged"]).read_text())
        files = {name: Path(path).read_bytes() for name, path in staged}
        chip = Chip(self.firmware, self.unique_id, lambda _: None)
        try:
            if files:
                image.put(image.make(files, self.firmware), self.firmware, chip.rp2040)
        except flash.FlashFull as error:
            self.world.send("no flash", [str(error)])
            sys.exit(1)
        new = self._image.with_suffix(".new")
        new.write_bytes(chip.rp2040.flash)
        new.replace(self._image)

    def _keep(self, chip: Chip) -> None:
        with open(self._image, "r+b") as file:
            for sector in chip.written:
                start = sector * SECTOR_BYTES
                file.seek(start)
                file.write(chip.rp2040.flash[start : start + SECTOR_BYTES])
        chip.written.clear()


def main() -> None:
    """Run the board that the first argument (JSON) describes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(FirmwareProcess)
    except FirmwareUnknown as error:  # since its world read the file
        sys.exit(str(error))
