"""A computer's node at a UART or an I2C bus of emulated chips, by their time. That it takes time
itself is left out: what is measured is the board and the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from emulated.i2c_host import I2cHost
from emulated.lab import Wires
from emulated.serial_port import Serial
from emulated.together import Together

from picolink.core.dialer import Dialer
from picolink.core.port import Port
from picolink.core.session import Session
from picolink.links.i2c.controller import Controller
from picolink.links.i2c.layout import MTU_BYTES, TAKES_BYTES
from picolink.links.uart.link import UartLink
from picolink.node.node import Node
from picosim.rp2040.uart import Plug

_FIRST_MS = 1000
_RX_BYTES = 65536
_AHEAD_S = 0.025
_LOOK_MS = 65
_BUDGET_MS = 200


class _Link(Protocol):
    mtu_bytes: int
    takes_bytes: int
    window_bytes: int

    @property
    def unsent(self) -> bool: ...
    def receive(self) -> list[bytes]: ...
    def send(self, packet: bytes) -> None: ...
    def flush(self) -> None: ...
    def due_ms(self) -> int: ...


class _SerialLink(UartLink):
    def due_ms(self) -> int:
        return 1 << 30  # bytes come when they come


class _SerialPort:
    """What a `UartLink` needs of a port."""

    need = 1

    def __init__(self, plug: Plug, baud: int, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.coming = bytearray()
        self.serial = Serial(plug, baud, self.coming.extend)

    def read(self) -> bytes:
        data = bytes(self.coming)
        self.coming.clear()
        return data

    def write(self, data: bytes) -> int:
        return self.serial.write(data)

    def ahead(self) -> bool:
        return self.serial.queued * 10 > self.serial.baud * _AHEAD_S


class _I2cLink:
    window_bytes = 0
    mtu_bytes = TAKES_BYTES
    takes_bytes = MTU_BYTES

    def __init__(self, i2c: I2cHost, address: int, clock: Callable[[], int]) -> None:
        self.box = Controller(
            lambda register, n: i2c.read_mem(address, register, n),
            lambda register, data: i2c.write(address, bytes((register,)) + data),
            clock,
            _LOOK_MS,
        )
        self._clock = clock
        self._due_ms = 0
        self._begun = False

    def due_ms(self) -> int:
        return self._due_ms

    @property
    def unsent(self) -> bool:
        return self.box.full()

    def receive(self) -> list[bytes]:
        if self._clock() >= self._due_ms:
            if not self._begun:
                self._begun = self.box.begin()
            self._due_ms = self._clock() + self.box.poll(_BUDGET_MS)
        packets, self.box.packets = self.box.packets, []
        return packets

    def send(self, packet: bytes) -> None:
        self.box.waiting.append(packet)
        self._due_ms = 0

    def flush(self) -> None:
        pass


class Host:
    """The node. `connect` has it talk to the node at the other end, then `call` calls."""

    def __init__(self, together: Together) -> None:
        self.together = together
        self.node = Node("lab", b"host-lab-uid")
        self.node.now_ms = self.now_ms
        self.node.host = Wires()
        self._turned_ms = 0

    def at_uart(self, plug: Plug, baud: int) -> Host:
        """At a board's UART."""
        port = _SerialPort(plug, baud, self.now_ms)
        self._link: _Link = _SerialLink(port, None, "uart:lab", baud, _RX_BYTES)
        take = port.serial.heard

        def heard(data: bytes) -> None:
            take(data)
            self._turn()  # at once: else it would wait for the next step

        port.serial.heard = heard
        return self

    def at_i2c(self, i2c: I2cHost, address: int) -> Host:
        """As controller of a bus, with a board as target."""
        self._link = _I2cLink(i2c, address, self.now_ms)
        return self

    def now_ms(self) -> int:
        """Its clock."""
        return _FIRST_MS + int(self.together.now_s * 1000)

    def connect(self, most_s: float = 10) -> None:
        """Dial the board's node."""
        node, link = self.node, self._link
        self._port = Port(link.mtu_bytes, link.takes_bytes, link.window_bytes)
        self.session: Session = node.endpoint.new_session(b"labsess1")
        Dialer(node.endpoint, self._port, self.session, node, self.now_ms())  # type: ignore[arg-type]
        if not self.until(lambda: self.session.attach is not None, most_s):
            raise TimeoutError("the node there does not answer")

    def _turn(self) -> None:
        node, link, port = self.node, self._link, self._port
        for packet in link.receive():
            node.endpoint.receive(port, packet, self.now_ms())
        node.endpoint.tick(port, self.now_ms())
        if link.unsent:
            link.flush()
        while not link.unsent:
            waiting = node.endpoint.next_packet(port, self.now_ms())
            if waiting is None:
                return
            link.send(waiting)

    def until(self, done: Callable[[], bool], most_s: float = 10) -> bool:
        """Run everything until `done()`."""

        def look() -> bool:
            now_ms = self.now_ms()
            if now_ms != self._turned_ms or self._link.due_ms() <= now_ms:
                self._turned_ms = now_ms
                self._turn()
            return done()

        return self.together.run_until(look, most_s)

    def start(self, name: str, *args: Any) -> Any:
        """A call whose answer is not waited for."""
        call = self.session.data.caller().start(name, args, {}, None, self.now_ms())
        self._turn()
        return call

    def call(self, name: str, *args: Any, most_s: float = 60) -> Any:
        """The answer to a call."""
        call = self.start(name, *args)
        if not self.until(lambda: call.done, most_s):
            raise TimeoutError(f"{name} was not answered")
        return call.result()
