"""Wires between pins, and what goes wrong on them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial

from picosim.base.events import EventLoop
from picosim.pins import BoardPin, bounces


@dataclass(frozen=True)
class WireFaults:
    """How bad a wire is; the same seed gives the same faults."""

    bounce_ms: float = 0
    """After each change the level bounces for this long."""
    glitches_per_s: float = 0
    """Short false pulses, this many a second on average."""
    glitch_ms: float = 0.5
    """How long such a pulse lasts."""
    delay_ms: float = 0
    """How late a change arrives."""


class Wire:
    """Joins two pins: what one board drives the other sees."""

    def __init__(
        self, loop: EventLoop, a: BoardPin, b: BoardPin, faults: WireFaults, rng: random.Random
    ) -> None:
        self._loop = loop
        self._ends = (a, b)
        self._faults = faults
        self._rng = rng
        self._cut = False
        self._levels: list[int | None] = [None, None]
        a.listeners.append(lambda level: self._changed(0, level))
        b.listeners.append(lambda level: self._changed(1, level))
        loop.post(self._begin)

    def cut(self) -> None:
        """Cut the wire: both ends float."""
        self._loop.post(lambda: self._set_cut(True))

    def mend(self) -> None:
        """Join it again."""
        self._loop.post(lambda: self._set_cut(False))

    # -- in the world's thread

    def _begin(self) -> None:
        for end in (0, 1):
            self._changed(end, self._ends[end]._drive)
        if self._faults.glitches_per_s:
            self._next_glitch()

    def _set_cut(self, cut: bool) -> None:
        self._cut = cut
        for end in (0, 1):
            self._arrive(end, self._levels[end])

    def _arrive(self, source: int, level: int | None) -> None:
        self._ends[1 - source].wired(self, None if self._cut else level)

    def _changed(self, source: int, level: int | None) -> None:
        self._levels[source] = level
        delay_s = self._faults.delay_ms / 1000
        settle_s = delay_s + self._faults.bounce_ms / 1000
        value = level
        if level is not None:
            for at_ms in bounces(self._rng, self._faults.bounce_ms):
                self._loop.after(delay_s + at_ms / 1000, partial(self._arrive, source, value))
                value = 1 - value if value is not None else None
        if settle_s:
            self._loop.after(settle_s, partial(self._arrive, source, level))
        else:
            self._arrive(source, level)

    def _next_glitch(self) -> None:
        self._loop.after(self._rng.expovariate(self._faults.glitches_per_s), self._glitch)

    def _glitch(self) -> None:
        for source in (0, 1):
            level = self._levels[source]
            if level is not None:
                self._arrive(source, 1 - level)
                self._loop.after(self._faults.glitch_ms / 1000, self._restore)
        self._next_glitch()

    def _restore(self) -> None:
        for source in (0, 1):
            self._arrive(source, self._levels[source])
