"""The two wires of an I2C bus, byte by byte: who is on it, who has it, and what takes how long.

Times are of the emulated world, in nanoseconds. Each step is told to the party that it concerns
when its own clock is there (`at`); one whose clock is ahead is told at once. So chips in step
see everything in its time. A target holds SCL low by not replying yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

START_BITS = 1.0
STOP_BITS = 1.0
FREE_BITS = 0.5
"""Between a STOP and the next START."""
ADDRESS_BITS = 8
SETUP_NS = 800.0
"""IC_SDA_SETUP: so long a target that held SCL holds it on, once it has put out its bit."""
_IDLE_STEP_BITS = 4
_BUSY_STEP_BITS = 0.5
_OPEN_BUS = 0xFF

Replied = Callable[[int, float], None]
"""(a byte, or whether it was acknowledged; when)"""


class Block(Protocol):
    """What the bus tells."""

    def started(self, again: bool) -> None:
        """Somebody made a START."""

    def addressed(self, address: int, read: bool) -> bool:
        """Whether it answers to this address."""

    def offered(self, value: int, ns: float, reply: Replied) -> None:
        """The controller wrote a byte. `reply(acknowledged, ns)` once there is room for it."""

    def asked(self, ns: float, reply: Replied) -> None:
        """The controller reads a byte. `reply(byte, ns)` once there is one."""

    def answered(self, more: bool) -> None:
        """The controller acknowledged the byte, or wants no more."""

    def stopped(self, addressed: bool) -> None:
        """Somebody made a STOP."""


class Party(Protocol):
    """Whoever is on the bus."""

    @property
    def block(self) -> Block:
        """To be told, now."""

    def at(self, ns: float, callback: Callable[[], None]) -> None:
        """Have `callback` called when its clock is there."""


class Bus:
    """One bus. A controller calls `begin`, `write`, `read`, `acknowledge`, `stop`; what it hands
    over is called by its own clock when that is done."""

    def __init__(self) -> None:
        self.parties: list[Party] = []
        self.owner: Party | None = None
        self.target: Party | None = None
        self.bit_ns = 2500.0
        self.bits = 0.0
        self.stretches = 0
        self.stretched_ns = 0.0
        self._free_ns = 0.0
        self._queue: list[tuple[Party, Callable[[], None]]] = []
        self._open: dict[Party, Callable[[], None]] = {}

    @property
    def step_ns(self) -> float:
        """How far clocks may be apart now."""
        return self.bit_ns * (_IDLE_STEP_BITS if self.owner is None else _BUSY_STEP_BITS)

    def begin(
        self, who: Party, address: int, read: bool, ns: float, bit_ns: float, done: Replied
    ) -> None:
        """START (or a repeated one) and an address; `done(acknowledged, ns)`."""
        again = self.owner is who
        assert again or self.owner is None
        self.owner, self.target, self.bit_ns = who, None, bit_ns
        ns = max(ns, self._free_ns)
        others = [party for party in self.parties if party is not who]
        end_ns = ns + (START_BITS + ADDRESS_BITS) * bit_ns
        self.bits += START_BITS + ADDRESS_BITS + 1
        left = len(others)

        def match(party: Party) -> None:
            replied(party, party.block.addressed(address, read))

        def replied(party: Party, yes: bool) -> None:
            nonlocal left
            if not self._open.pop(party, None):
                return
            left -= 1
            if yes and self.target is None:
                self.target = party
            if not left:
                answer()

        def answer() -> None:
            at_ns, yes = end_ns + bit_ns, self.target is not None
            who.at(at_ns, lambda: done(yes, at_ns))

        for party in others:
            party.at(ns + bit_ns / 2, lambda p=party: p.block.started(again))  # type: ignore[misc]
            self._open[party] = lambda p=party: replied(p, False)  # type: ignore[misc]
            party.at(end_ns, lambda p=party: match(p))  # type: ignore[misc]
        if not others:
            answer()

    def write(self, who: Party, value: int, ns: float, done: Replied) -> None:
        """A byte for the target; `done(acknowledged, ns)`."""
        end_ns = ns + 8 * self.bit_ns
        self.bits += 9
        target = self.target

        def reply(yes: int, at_ns: float) -> None:
            if target and not self._open.pop(target, None):
                return  # it was reset since, and that was taken for an answer
            at_ns = end_ns + self._late(at_ns, end_ns, 0.0) + self.bit_ns
            who.at(at_ns, lambda: done(yes, at_ns))

        if target is None:
            reply(False, end_ns)
            return
        self._open[target] = lambda: reply(False, end_ns)
        target.at(end_ns, lambda: target.block.offered(value, end_ns, reply))

    def read(self, who: Party, ns: float, done: Replied) -> None:
        """A byte of the target; `done(byte, ns)`, before it is acknowledged."""
        self.bits += 9
        target = self.target

        def reply(value: int, at_ns: float) -> None:
            if target and not self._open.pop(target, None):
                return
            at_ns = ns + self._late(at_ns, ns, SETUP_NS) + 8 * self.bit_ns
            who.at(at_ns, lambda: done(value, at_ns))

        if target is None:
            reply(_OPEN_BUS, ns)
            return
        self._open[target] = lambda: reply(_OPEN_BUS, ns)
        target.at(ns, lambda: target.block.asked(ns, reply))

    def _late(self, at_ns: float, ns: float, setup_ns: float) -> float:
        """For how long SCL is held: a target has the half of a bit in which it is low anyway."""
        late_ns = at_ns - ns - self.bit_ns / 2
        if late_ns <= 0:
            return 0.0
        self.stretches += 1
        self.stretched_ns += late_ns + setup_ns
        return late_ns + setup_ns

    def acknowledge(self, more: bool, ns: float) -> float:
        """The controller's answer to a byte; returns when it is given."""
        end_ns = ns + self.bit_ns
        target = self.target
        if target:
            target.at(end_ns, lambda: target.block.answered(more))
        return end_ns

    def stop(self, who: Party, ns: float) -> float:
        """STOP; returns when it is made."""
        end_ns = ns + STOP_BITS * self.bit_ns
        self.bits += STOP_BITS
        target, self.target, self.owner = self.target, None, None
        self._free_ns = end_ns + FREE_BITS * self.bit_ns
        for party in self.parties:
            if party is not who:
                party.at(end_ns, lambda p=party: p.block.stopped(p is target))  # type: ignore[misc]
        if self._queue:
            waiting, go = self._queue.pop(0)
            waiting.at(self._free_ns, go)
        return end_ns

    def wait(self, who: Party, go: Callable[[], None]) -> None:
        """Have `go` called when the bus is free."""
        self._queue.append((who, go))

    def lost(self, who: Party, ns: float) -> None:
        """It was reset: it holds nothing, and says nothing."""
        self._queue = [(party, go) for party, go in self._queue if party is not who]
        unanswered = self._open.get(who)
        if unanswered:
            unanswered()
        if self.target is who:
            self.target = None
        if self.owner is who:
            self.stop(who, ns)
