"""Pins that read what is on them: what the chip itself drives, what is joined to them, or a pull.

The emulator's pins read what was put into them from outside, and nothing of what they drive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rp2040py.gpio_pin import GPIOPinState
from rp2040py.rp2040 import RP2040

if TYPE_CHECKING:
    from picosim.rp2040.chip import Chip

PINS = 30
WIFI = (23, 24, 25, 29)
"""Of a Pico W: what is behind them is the Wi-Fi chip, which drives them itself."""
_LOW, _HIGH = GPIOPinState.LOW, GPIOPinState.HIGH
_UP, _DOWN = GPIOPinState.INPUT_PULL_UP, GPIOPinState.INPUT_PULL_DOWN


class Net:
    """What a wire joins. Low wins where pins fight; without a driver the pull-ups win, then the
    pull-downs, then it stays as it was."""

    def __init__(self) -> None:
        self.pads: list[Pad] = []
        self.driven: bool | None = None
        self.level = False

    def drive(self, level: bool | None) -> None:
        """Drive it from outside, as a button does; None lets it go."""
        self.driven = level
        self.settle(max((pad.chip.now_ns for pad in self.pads), default=0.0))

    def settle(self, at_ns: float) -> None:
        """Find the level anew, and tell the pins."""
        states = [pad.state for pad in self.pads]
        if _LOW in states or self.driven is False:
            level = False
        elif _HIGH in states or self.driven or _UP in states:
            level = True
        else:
            level = self.level and _DOWN not in states
        if level != self.level:
            self.level = level
            for pad in self.pads:
                pad.take(level, at_ns)


class Pad:
    """One pin of a chip, over its resets."""

    def __init__(self, chip: Chip, number: int) -> None:
        self.chip = chip
        self.number = number
        self.state = _DOWN
        self.net = Net()
        self.net.pads.append(self)

    def install(self, chip: RP2040) -> None:
        """Look at the pin of a new chip."""
        self._gpio = gpio = chip.gpio[self.number]
        self.state = gpio.value
        gpio.add_listener(self._changed)
        gpio.set_input_value(self.net.level)
        self.net.settle(self.chip.now_ns)

    def _changed(self, state: GPIOPinState, before: GPIOPinState) -> None:
        self.state = state
        self.net.settle(self.chip.now_ns)

    def take(self, level: bool, at_ns: float) -> None:
        """The level of its wire has changed."""
        gpio = self._gpio
        self.chip.at(at_ns, lambda: gpio.set_input_value(level))


def join(*pads: Pad) -> Net:
    """Join pins by a wire."""
    net = pads[0].net
    for pad in pads[1:]:
        if pad.net is not net:
            for other in pad.net.pads:
                other.net = net
                net.pads.append(other)
    net.settle(max(pad.chip.now_ns for pad in net.pads))
    return net
