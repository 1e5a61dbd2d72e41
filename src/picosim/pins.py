"""What the host sees and does at a board's pins and analogue inputs."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from picosim.virtual_board import VirtualBoard

PULL_UP = 1
PULL_DOWN = 2
_MODES = ("in", "out", "open drain", "alt", "analog")


class Pwm(NamedTuple):
    """What a pin's PWM puts out; `frequency_hz` 0 is off."""

    frequency_hz: int
    duty_u16: int

    @property
    def duty(self) -> float:
        """The share of time the pin is high, 0 to 1."""
        return self.duty_u16 / 65535


class BoardPin:
    """One pin of a board, seen from outside it."""

    def __init__(self, board: VirtualBoard, key: int | str, rng: random.Random) -> None:
        self._board = board
        self._key = key
        self._rng = rng
        self._changed = threading.Condition()
        self._mode = 0
        self._pull = 0
        self._drive: int | None = None
        self._pressed = False
        self._set: int | None = None
        self._wired: dict[object, int | None] = {}
        self._outside: int | None = None
        self.pwm = Pwm(0, 0)
        self.changes = 0
        """How often the level given from outside has changed."""
        self.listeners: list[Callable[[int | None], None]] = []

    def __repr__(self) -> str:
        return f"<pin {self._key} of {self._board.name}: {self.mode}, level {self.value}>"

    @property
    def mode(self) -> str:
        """What the board made of it: in, out, open drain, alt or analog."""
        return _MODES[self._mode]

    @property
    def value(self) -> int:
        """The level at the pin now, 0 or 1."""
        for level in (self._drive, self._outside):
            if level is not None:
                return level
        return int(self._pull == PULL_UP)

    def press(self, bounce_ms: float = 0) -> None:
        """Press a button here: to ground, or to 3V3 if the board pulls the pin down.

        With `bounce_ms` the contact bounces for that long, as real ones do (1 to 10 ms).
        """
        self._button(True, bounce_ms)

    def release(self, bounce_ms: float = 0) -> None:
        """Let the button go."""
        self._button(False, bounce_ms)

    def set(self, level: int | None) -> None:
        """Drive the pin from outside to 0 or 1; None lets it go."""

        def apply() -> None:
            self._set = None if level is None else int(bool(level))
            self._resolve()

        self._board.world.loop.post(apply)

    def wait(self, level: int, timeout_s: float = 5) -> None:
        """Wait until the pin has this level; raises TimeoutError."""
        self._wait(
            lambda: self.value == level,
            timeout_s,
            lambda: (
                f"did not become {level} within {timeout_s} s (it is {self.mode}); what the "
                f"board printed last:\n{self._board.log_text()[-800:]}"
            ),
        )

    def wait_changes(self, count: int, timeout_s: float = 5) -> None:
        """Wait until the level given from outside has changed `count` times in all."""
        self._wait(
            lambda: self.changes >= count,
            timeout_s,
            lambda: f"changed {self.changes} times from outside within {timeout_s} s, not {count}",
        )

    def wait_pwm(self, timeout_s: float = 5) -> Pwm:
        """Wait until the board puts out PWM here, and return it; raises TimeoutError."""
        self._wait(lambda: self.pwm.frequency_hz, timeout_s, lambda: "puts out no PWM")
        return self.pwm

    def _wait(self, until: Callable[[], Any], timeout_s: float, why: Callable[[], str]) -> None:
        with self._changed:
            if not self._changed.wait_for(until, timeout_s):
                raise TimeoutError(f"pin {self._key} of {self._board.name} {why()}")

    # -- in the world's thread

    def _button(self, pressed: bool, bounce_ms: float) -> None:
        loop = self._board.world.loop

        def apply(state: bool) -> None:
            self._pressed = state
            self._resolve()

        def begin() -> None:
            for at_ms in bounces(self._rng, bounce_ms):
                loop.after(at_ms / 1000, lambda: apply(not self._pressed))
            loop.after(bounce_ms / 1000, lambda: apply(pressed))

        loop.post(begin if bounce_ms else lambda: apply(pressed))

    def wired(self, wire: object, level: int | None) -> None:
        """A wire brings a level, or none."""
        self._wired[wire] = level
        self._resolve()

    def reported(self, mode: int, pull: int, drive: int | None) -> None:
        """The board told what it does with the pin."""
        before = self._drive
        with self._changed:
            self._mode, self._pull, self._drive = mode, pull, drive
            self._changed.notify_all()
        self._resolve()
        if drive != before:
            for listener in self.listeners:
                listener(drive)

    def reported_pwm(self, frequency_hz: int, duty_u16: int) -> None:
        """The board told what its PWM does."""
        with self._changed:
            self.pwm = Pwm(frequency_hz, duty_u16)
            self._changed.notify_all()

    def _resolve(self) -> None:
        levels = [level for level in self._wired.values() if level is not None]
        if self._set is not None:
            levels = [self._set]
        if self._pressed:
            levels = [int(self._pull == PULL_DOWN)]
        outside = min(levels) if levels else None
        if outside != self._outside:
            with self._changed:
                self._outside = outside
                self.changes += 1
                self._changed.notify_all()
            self._board.tell("ext", self._key, outside)


class BoardAdc:
    """One analogue input of a board; channel 4 is the thermometer on the chip."""

    def __init__(self, board: VirtualBoard, channel: int) -> None:
        self._board = board
        self._channel = channel

    def set_volts(self, volts: float) -> None:
        """Apply a voltage; the board reads 0 to 3.3 V."""
        self._board.set_adc(self._channel, float(volts))

    def set_celsius(self, celsius: float) -> None:
        """Make the chip this warm (channel 4; the formula of the RP2040's datasheet)."""
        if self._channel != 4:
            raise ValueError(
                f"channel {self._channel} measures volts, only channel 4 is a thermometer; "
                "use set_volts()"
            )
        self.set_volts(thermometer_volts(celsius))


def thermometer_volts(celsius: float) -> float:
    """What the RP2040's thermometer gives at a temperature."""
    return 0.706 - (celsius - 27) * 0.001721


def bounces(rng: random.Random, bounce_ms: float) -> list[float]:
    """When a contact changes in the time it bounces, in ms; an odd number of changes."""
    if bounce_ms <= 0:
        return []
    return sorted(rng.uniform(0, bounce_ms) for _ in range(rng.choice((3, 5, 7))))


def port_pins(
    port: str, given: tuple[int | None, int | None], usual: tuple[int, int],
    legal: Mapping[str, Sequence[int]],
) -> tuple[int, int]:  # fmt: skip
    """The two pins of a port, `legal` by their roles; ValueError at one that it does not have."""
    one, two = (own if pin is None else pin for pin, own in zip(given, usual))
    for pin, (role, there) in zip((one, two), legal.items()):
        if pin not in there:
            raise ValueError(
                f"GP{pin} is no {role} pin of {port}; those are "
                + ", ".join(f"GP{p}" for p in there)
            )
    return one, two
