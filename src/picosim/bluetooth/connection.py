"""A connection in the air: its events, at which packets go, and its supervision timeout."""

from __future__ import annotations

import asyncio
import math
import struct
from collections import deque
from typing import TYPE_CHECKING

from bumble import hci

if TYPE_CHECKING:
    from bumble import ll

    from picosim.bluetooth.controller import SimConnection, SimController
    from picosim.bluetooth.medium import Radio

INTERVAL_UNIT_S = 0.00125
TIMEOUT_UNIT_S = 0.01


class End:
    """One side: its controller, and what it has to send."""

    def __init__(self, controller: SimController, connection: SimConnection) -> None:
        self.controller = controller
        self.connection = connection
        self.packets: deque[tuple[int, bytes]] = deque()  # (its boundary flag, data)
        self.control: deque[ll.ControlPdu] = deque()
        self.open = True

    @property
    def has_something(self) -> bool:
        """Whether it would use the next event."""
        return bool(self.packets or self.control)


class AirConnection:
    """Between a central and a peripheral. Everything in the loop of the radio."""

    def __init__(
        self,
        radio: Radio,
        central: End,
        peripheral: End,
        interval_units: int,
        latency: int,
        timeout_units: int,
    ) -> None:
        self.radio = radio
        self.ends = (central, peripheral)
        self._loop = asyncio.get_running_loop()
        self._event: asyncio.TimerHandle | None = None
        self._supervision: asyncio.TimerHandle | None = None
        self._anchor = self._loop.time()
        self._number = 0  # of the last event, from the anchor on
        self._busy = 0  # of the last event at which something went
        self.interval_units, self.latency = interval_units, latency
        self.timeout_units = timeout_units
        radio.connections.add(self)

    def set_parameters(self, interval_units: int, latency: int, timeout_units: int) -> None:
        """The pace from the next event on: in 1.25 ms, events that may be skipped, in 10 ms."""
        self._anchor += self._number * self._interval_s
        self._number = self._busy = 0
        self.interval_units, self.latency = interval_units, latency
        self.timeout_units = timeout_units

    @property
    def _interval_s(self) -> float:
        return self.interval_units * INTERVAL_UNIT_S

    # -- what the controllers ask

    def other(self, end: End) -> End:
        """The other side."""
        return self.ends[1] if end is self.ends[0] else self.ends[0]

    def send(self, end: End, begins: int, data: bytes) -> None:
        """A packet for the other side; the host hears when it is through."""
        end.packets.append((begins, data))
        self.wake()

    def send_control(self, end: End, packet: ll.ControlPdu) -> None:
        """A control packet for the other side."""
        end.control.append(packet)
        self.wake()

    def close(self, end: End) -> None:
        """One side has ended it: what it had to send is lost but for its goodbye."""
        end.open = False
        end.packets.clear()
        if self.other(end).open:
            self.look()
        else:
            self._end()

    def gone(self, controller: SimController) -> None:
        """A controller lost its power: it says no goodbye."""
        for end in self.ends:
            if end.controller is controller and end.open:
                end.control.clear()
                self.close(end)

    def look(self) -> None:
        """Somebody moved: the supervision timeout begins, or is off."""
        if self._reachable:
            if self._supervision:
                self._supervision.cancel()
                self._supervision = None
            self.wake()
        elif self._supervision is None:
            delay_s = self.timeout_units * TIMEOUT_UNIT_S
            self._supervision = self._loop.call_later(delay_s, self._timed_out)

    # -- events

    @property
    def _reachable(self) -> bool:
        a, b = self.ends
        if not all(end.open or end.control for end in self.ends):
            return False
        return self.radio.hears(a.controller, b.controller)

    def wake(self) -> None:
        """See to it that there is an event when there is something to send."""
        if self._event is None and any(end.has_something for end in self.ends):
            if self._reachable:
                number = self._next()
                when = self._anchor + number * self._interval_s
                self._event = self._loop.call_at(when, self._happen, number)

    def _next(self) -> int:
        since = (self._loop.time() - self._anchor) / self._interval_s
        number = max(self._number + 1, math.ceil(since))
        central, peripheral = self.ends
        if self.latency and central.has_something and not peripheral.has_something:
            step = self.latency + 1
            if number - self._busy > step:  # it sleeps by now, and wakes at some events only
                number = self._busy + math.ceil((number - self._busy) / step) * step
        return number

    def _happen(self, number: int) -> None:
        self._event = None
        if not self._reachable:
            return
        self._number = number
        a, b = self.ends
        went = [self._carry(end, other) for end, other in ((a, b), (b, a))]
        if any(went):
            self._busy = self._number  # not `number`: the pace may be new since
        self.wake()

    def _carry(self, end: End, other: End) -> bool:
        """What goes one way in one event; whether anything did."""
        radio = self.radio
        share = radio.faults.lost_packets
        left = radio.faults.packets_per_interval
        done = 0
        went = False
        while left and other.open and end.has_something:
            if radio.lost(end.controller, other.controller, share):
                break  # it is sent again in the next event
            if not end.control and not other.controller.has_room():
                break  # not acknowledged: its host is busy
            left -= 1
            went = True
            if end.control:
                other.controller.control(other.connection, end.control.popleft())
            else:
                begins, data = end.packets.popleft()
                other.controller.deliver(other.connection.handle, begins, data)
                done += 1
        if done:
            end.controller.completed(end.connection.handle, done)
        return went

    def _timed_out(self) -> None:
        self._supervision = None
        for end in self.ends:
            end.control.clear()
            if end.open:
                reason = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
                end.controller.on_le_disconnected(end.connection, reason)

    def _end(self) -> None:
        self.radio.connections.discard(self)
        for handle in (self._event, self._supervision):
            if handle:
                handle.cancel()
        self._event = self._supervision = None
        self.radio.ended()


def acl_header(handle: int, begins: int, length: int) -> bytes:
    """The head of an HCI data packet to a host."""
    return struct.pack("<BHH", 2, handle | begins << 12, length)
