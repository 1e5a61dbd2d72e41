"""A serial port of the host as a UART: `uart:/dev/serial0?baud=115200`."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable

from ...core.errors import BadAddress, CannotConnect
from ..usb.serial_port import open_exclusive, read, set_baud, speeds, write
from .wait_for_port import ServedPort

RX_BYTES = 8192
"""What the kernel keeps of a port that is read in time, and more."""

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "uart": (
        "uart:/dev/serial0 | /dev/ttyAMA0 | /dev/ttyUSB0; on a board uart:0, uart:1",
        "the wires TX, RX and ground, to a board's UART or between two boards",
        {
            "baud": "the rate of both sides; 115200 if left out",
            "tx, rx": "on a board: its pins, as tx=0&rx=1",
            "fast": "a higher rate to agree on with the other side, as 921600; baud if it fails",
            "rxbuf": "on a board: bytes of the receive buffer; fits the rate if left out",
        },
    ),
}


_AHEAD_MS = 30


class Pollable(int):
    """The descriptor of a port, as drivers wait for it: `later_ms` tells when it wants more."""

    later_ms: Callable[[], int]


class HostPort:
    """A serial port on a descriptor."""

    need = 1

    def __init__(self, fd: int, path: str, baud: int) -> None:
        self.fd = fd
        self.path = path
        self.baud = baud
        self._gone = f"the port {path} is gone: unplugged?"
        self._busy_until = 0.0  # reckoned: adapters do not tell when all is on the wire

    def clock(self) -> int:
        """Milliseconds that only grow."""
        return time.monotonic_ns() // 1_000_000

    def read(self) -> bytes:
        """What has come."""
        return read(self.fd, self._gone)

    def write(self, data: bytes) -> int:
        """Writes what the port takes; returns how much."""
        sent = write(self.fd, data, self._gone)
        if sent:
            begin = max(self._busy_until, time.monotonic())
            self._busy_until = begin + sent * 10 / self.baud
        return sent

    def can(self, baud: int) -> bool:
        """Whether the system knows this rate."""
        return baud in speeds()

    def set_baud(self, baud: int) -> int:
        """Another rate, when all is sent; returns what it is then: a port may refuse."""
        time.sleep(min(1.0, max(0.0, self._busy_until - time.monotonic()) + 0.002))
        try:
            set_baud(self.fd, self.path, baud)
            self.baud = baud
        except BadAddress:
            set_baud(self.fd, self.path, self.baud)
        return self.baud

    def settle(self) -> None:
        """A moment in which the other side sets its port."""
        time.sleep(0.005)

    def ahead(self) -> bool:
        """Whether as much is written as bridges a busy computer's pauses; what is said next, also
        an acknowledgement, comes behind it."""
        return self.later_ms() > 0

    def later_ms(self) -> int:
        """When more should be written: the system takes it at once, and the line does not."""
        return int(1000 * (self._busy_until - time.monotonic())) - _AHEAD_MS

    def close(self) -> None:
        """Closes it."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def open_link(
    scheme: str, where: str, options: dict[str, str], timeout_s: float = 10
) -> ServedPort:
    """Opens the port that `uart:PATH` names, for this program alone."""
    if not where or where.isdigit():
        raise BadAddress(
            f"uart:{where} is a board's; on this computer say which port: uart:/dev/serial0 on a "
            "Raspberry Pi, uart:/dev/ttyUSB0 with an adapter"
        )
    for name in options:
        if name not in ("baud", "fast"):
            raise BadAddress(
                f"uart:{where} has no option {name!r} on this computer; there are baud and fast"
            )
    rates = {"baud": 115200, "fast": 0}
    for name, text in options.items():
        if not text.isdigit():
            raise BadAddress(f"{name}={text}: a baud rate is a number, usual are 115200 and 921600")
        rates[name] = int(text)
    baud, fast = rates["baud"], rates["fast"]
    if not os.path.exists(where):
        raise CannotConnect(
            f"there is no port {where}: on a Raspberry Pi turn it on (sudo raspi-config, Interface "
            "Options, Serial Port: no login shell, but the port) and restart; an adapter may be "
            "unplugged"
        )
    fd = open_exclusive(where)
    try:
        set_baud(fd, where, fast or baud)  # to know whether it can
        set_baud(fd, where, baud)
    except BaseException:
        os.close(fd)
        raise
    port = HostPort(fd, where, baud)
    pollable = Pollable(fd)
    pollable.later_ms = port.later_ms
    link = ServedPort(port, pollable, f"uart:{where}", baud, RX_BYTES, fast)
    link.again = functools.partial(open_link, scheme, where, options)
    return link


async def open_async(scheme: str, where: str, options: dict[str, str]) -> ServedPort:
    """The same, without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, open_link, scheme, where, options)
