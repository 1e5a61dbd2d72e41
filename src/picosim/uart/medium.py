"""The wires of a UART: bytes at the pace of their baud rate, from either end to the other.

An end has `setting(sending)` (None while it is off, or not at these wires), `take()` (new bytes to
send), `sent(n)`, `renewed()` (whether what was not sent yet is void), `deliver(data)` and
`broken()`; it calls `self.line_wake` when there is something to take.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

from picosim.base.events import EventLoop, Timer
from picosim.uart.faults import UartFaults
from picosim.uart.signal import Garbler, Setting, understood

STEP_S = 0.001
"""Bytes go on in portions of this length."""
LATE_S = 0.005
"""A computer that is later than this makes the line slower, not the bytes come all at once."""


class End(Protocol):
    """One end of the wires."""

    line_wake: Callable[[], None]

    def setting(self, sending: bool) -> Setting | None: ...
    def wired(self) -> bool: ...
    def renewed(self) -> bool: ...
    def take(self) -> bytes: ...
    def sent(self, count: int) -> None: ...
    def deliver(self, data: bytes) -> None: ...
    def broken(self) -> None: ...
    def close(self) -> None: ...


class Direction:
    """What one end sends to the other."""

    def __init__(self, line: Line, source: int, seed: str) -> None:
        self._line = line
        self._source = source
        # One of chance's sequences each: they must not depend on how the bytes are portioned.
        self._chance = {
            what: random.Random(f"{seed}/{what}") for what in ("flipped", "lost", "bit", "smeared")
        }
        self._queue = b""
        self._since = 0.0  # when the first byte of the queue began
        self._timer: Timer | None = None
        self._garbler: Garbler | None = None
        self._garbled: tuple[Setting, Setting] | None = None
        self._countdown = {"flipped": -1, "lost": -1}
        self.counts = {"sent": 0, "delivered": 0, "flipped": 0, "lost": 0}

    def wake(self) -> None:
        """The source has something to send."""
        source = self._line.ends[self._source]
        if not source:
            return
        self._renew(source)
        data = source.take()
        if data:
            if not self._timer:
                self._since = time.monotonic()
            self._queue += data
            self._arm()

    def _renew(self, source: End) -> None:
        if source.renewed() and self._queue:
            source.sent(len(self._queue))
            self._queue = b""

    def stop(self) -> None:
        """The source goes; what it had to send counts as sent."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        source = self._line.ends[self._source]
        if source and self._queue:
            source.sent(len(self._queue))
        self._queue = b""

    def _arm(self) -> None:
        source = self._line.ends[self._source]
        setting = source.setting(True) if source else None
        if self._timer or not self._queue or not setting:
            return
        whole_s = len(self._queue) * setting.byte_s
        self._timer = self._line.loop.at(
            self._since + min(whole_s, max(STEP_S, setting.byte_s)), self._tick
        )

    def _tick(self) -> None:
        self._timer = None
        source = self._line.ends[self._source]
        setting = source.setting(True) if source else None
        if not source or not setting:
            self._queue = b""
            return
        self._renew(source)
        now = time.monotonic()
        self._since = max(self._since, now - LATE_S - setting.byte_s)
        count = min(len(self._queue), int((now - self._since) / setting.byte_s + 0.01))
        if count:
            data, self._queue = self._queue[:count], self._queue[count:]
            self._since += count * setting.byte_s
            source.sent(count)
            self._queue += source.take()
            self.counts["sent"] += count
            if source.wired():
                self._carry(data, setting)
        self._arm()

    def _carry(self, data: bytes, setting: Setting) -> None:
        line, faults = self._line, self._line.faults
        if line.is_cut or faults.swapped or faults.no_ground:
            return
        idle = not self._queue
        if faults.echo:
            own = line.ends[self._source]
            assert own
            own.deliver(data)
        sink = line.ends[1 - self._source]
        heard = sink.setting(False) if sink else None
        if not sink or not heard:
            return
        data = self._damaged(data)
        if 0 < faults.cable_baud < setting.baud:
            chance = self._chance["smeared"]
            data = bytes(byte & chance.getrandbits(8) for byte in data)
        if not understood(setting, heard):
            if self._garbled != (setting, heard):
                self._garbler, self._garbled = Garbler(setting, heard), (setting, heard)
            assert self._garbler
            data = self._garbler.feed(data, idle)
        if data:
            self.counts["delivered"] += len(data)
            sink.deliver(data)

    def _damaged(self, data: bytes) -> bytes:
        for at in self._hits("flipped", self._line.faults.flipped, len(data)):
            flipped = data[at] ^ 1 << self._chance["bit"].randrange(8)
            data = data[:at] + bytes((flipped,)) + data[at + 1 :]
        for at in reversed(self._hits("lost", self._line.faults.lost, len(data))):
            data = data[:at] + data[at + 1 :]
        return data

    def _hits(self, fault: str, share: float, count: int) -> list[int]:
        """Which of the next `count` bytes a fault hits. The distance to the next is drawn."""
        if share <= 0:
            return []
        at = self._countdown[fault]
        if at < 0:
            at = self._distance(fault)
        hits = []
        while at < count:
            hits.append(at)
            at += 1 + self._distance(fault)
        self._countdown[fault] = at - count
        self.counts[fault] += len(hits)
        return hits

    def _distance(self, fault: str) -> int:
        return int(self._chance[fault].expovariate(getattr(self._line.faults, fault)))


class Line:
    """Two ends and the wires between them; an end that is None hangs in the air."""

    def __init__(self, loop: EventLoop, faults: UartFaults, seed: str) -> None:
        self.loop = loop
        self.faults = faults
        self.ends: list[End | None] = [None, None]
        self.is_cut = False
        self._cut_by_hand = False
        self._cutting = random.Random(seed + "/cuts")
        self._next_cut: Timer | None = None
        self.directions = [Direction(self, n, f"{seed}/{n}") for n in (0, 1)]
        self.set_faults(faults)

    def attach(self, number: int, end: End) -> None:
        """An end is there, for the first time or anew."""
        self.detach(number)
        self.ends[number] = end
        end.line_wake = self.directions[number].wake
        end.line_wake()

    def detach(self, number: int) -> None:
        """An end has gone."""
        self.directions[number].stop()
        end, self.ends[number] = self.ends[number], None
        if end:
            end.close()

    def broken(self, number: int) -> None:
        """The end `number` sends a break."""
        sink = self.ends[1 - number]
        quiet = self.is_cut or self.faults.swapped or self.faults.no_ground
        if sink and not quiet:
            sink.broken()

    def set_faults(self, faults: UartFaults) -> None:
        """From now on the wires are this bad."""
        self.faults = faults
        if self._next_cut:
            self._next_cut.cancel()
            self._next_cut = None
        self.is_cut = self._cut_by_hand
        if faults.cuts_per_s:
            self._plan_cut()

    def cut(self, cut: bool) -> None:
        """Cut the wires, or join them."""
        self.is_cut = self._cut_by_hand = cut

    def _plan_cut(self) -> None:
        delay_s = self._cutting.expovariate(self.faults.cuts_per_s)
        self._next_cut = self.loop.after(delay_s, self._begin_cut)

    def _begin_cut(self) -> None:
        self.is_cut = True
        self._next_cut = self.loop.after(self.faults.cut_ms / 1000, self._end_cut)

    def _end_cut(self) -> None:
        self.is_cut = self._cut_by_hand
        self._plan_cut()
