"""A board as controller of I2C targets. One bus may have several: its transfers come one after the
other, since each waits until it is done."""

from time import ticks_ms

from machine import I2C, Pin

from ...core.errors import LinkError
from .board import open_buses
from .controller import Controller, ControllerSide
from .layout import HEAD_BYTES, MOST, MTU_BYTES

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_clock: "Callable[[], int]" = ticks_ms  # type: ignore[assignment]  # the stubs' own type of time
_GOODBYES = 3  # exchanges
_BUDGET_MS = 25  # of transfers, before other tasks have their turn
_FRAME_S = 0.046  # a larger frame would hold all others up while it is read
IDLE_BITS = 7500  # of the bus between looks: a look takes 39, and there are keepalives


class Bus:
    """One bus, and who is on it."""

    def __init__(self, number: int, pins: "tuple[int, int]", freq: int) -> None:
        self.number = number
        self.how = (pins, freq)
        # It counts for a whole transfer, and is 50 ms if left out: our longest take 46 ms.
        timeout_us = 100000 + 2500000 // (freq // 1000)
        self.i2c = I2C(
            number, sda=Pin(pins[0]), scl=Pin(pins[1]), freq=freq, timeout=timeout_us
        )  # fmt: skip
        self.links: list[ControllerLink] = []

    def share(self) -> None:
        """All looks together take less than a hundredth of the bus."""
        idle_ms = max(20, IDLE_BITS * 1000 // self.how[1]) * len(self.links)
        for link in self.links:
            link.box.idle_ms = idle_ms


class ControllerLink(ControllerSide):
    """The link to one target."""

    def __init__(self, bus: Bus, address: int, ready: "Any") -> None:
        i2c = bus.i2c
        units = max(6, min(MOST, int(bus.how[1] * _FRAME_S) // 36))
        piece = 4 * units - HEAD_BYTES
        self.takes_bytes = MTU_BYTES // piece * piece  # whole frames
        self.address = "i2c:%d/0x%02x" % (bus.number, address)
        self.on_text: Callable[[bytes], object] = len
        self.box = Controller(
            lambda register, n: i2c.readfrom_mem(address, register, n),
            lambda register, data: i2c.writeto_mem(address, register, data),
            _clock, 65, units,
        )  # fmt: skip
        self.box.ready = self._pin = ready
        self.box.on_room = self._room
        self._bus = bus
        self._node: Any = None
        self._callback: Callable[[], object] = int
        self._due_ms = 0
        self._full = False
        self._why = ""
        bus.links.append(self)
        bus.share()

    def watch(self, node: "Any", callback: "Callable[[], None]") -> "ControllerLink":
        """Looks at the target when the node's clock says so, and has `callback` called when there
        is something to do."""
        self._node = node
        self._callback = callback
        node.on_tick.append(self._tick)
        if self._pin is not None:
            self._pin.irq(self._risen, Pin.IRQ_RISING)
        node.host.call_by(0)
        return self

    def stop(self) -> None:
        """Looks no more."""
        if self._tick in self._node.on_tick:
            self._node.on_tick.remove(self._tick)

    def _room(self) -> None:
        if self._full and not self.box.full():
            self._callback()

    def _risen(self, _: "Any") -> None:
        self._due_ms = 0

    def _tick(self, now_ms: int) -> int:
        if now_ms >= self._due_ms:
            box = self.box
            wait_ms = 0
            try:
                wait_ms = box.poll(_BUDGET_MS)
            except LinkError as error:
                self._why = str(error)
            self._due_ms = self._node.now_ms() + wait_ms
            if box.packets or self._why:
                self._callback()
            else:
                self._room()
        return self._due_ms

    @property
    def unsent(self) -> bool:
        """Whether it takes no other packet yet."""
        self._full = self.box.full()
        return self._full

    def receive(self) -> "list[bytes]":
        """The packets that have come."""
        if self._why:
            raise LinkError(self._why)
        packets, self.box.packets = self.box.packets, []
        return packets

    def send(self, packet: bytes) -> None:
        """Sends a packet, in this turn of the event loop."""
        self.box.waiting.append(packet)
        self._due_ms = 0
        self._node.host.call_by(0)

    def close(self) -> None:
        """Leaves the bus, once what waits was sent: the last of it is a goodbye."""
        try:
            for _ in range(_GOODBYES):
                if self.box.waiting and not self._why:
                    self.box.poll(_BUDGET_MS)
        except LinkError:
            pass
        links = self._bus.links
        if self in links:
            links.remove(self)
            self._bus.share()
            if not links:
                open_buses.pop(self._bus.number, None)


def control(number: int, address: int, pins: "dict[str, Any]", freq: int) -> ControllerLink:
    """Opens it; CannotConnect where nobody answers."""
    bus = open_buses.get(number)
    how = ((pins["sda"], pins["scl"]), freq)
    mine = "i2c:%d/0x%02x" % (number, address)
    if bus is not None:
        if not isinstance(bus, Bus) or bus.how != how or mine in [x.address for x in bus.links]:
            from .refusal import in_use

            raise in_use(number, "as target, with other options, or with the same address")
    else:
        bus = Bus(number, *how)
    ready = Pin(pins["ready"], Pin.IN, Pin.PULL_DOWN) if "ready" in pins else None
    link = ControllerLink(bus, address, ready)
    open_buses[number] = bus
    try:
        if link.box.begin():
            return link
        from .refusal import no_mailbox

        error: Exception = no_mailbox(number, address, pins)
    except OSError as failed:
        from .refusal import no_answer

        error = no_answer(number, address, failed, pins)
    link.close()
    raise error
