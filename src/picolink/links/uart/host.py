"""A serial port of the host as a UART: `uart:/dev/serial0?baud=115200`."""

from __future__ import annotations

import asyncio
import os
import time

from ...core.errors import BadAddress, CannotConnect, LinkError
from ..usb.serial_port import open_exclusive, set_baud
from .link import UartLink

RX_BYTES = 8192
"""What the kernel keeps of a port that is read in time, and more."""

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "uart": (
        "uart:/dev/serial0 | /dev/ttyAMA0 | /dev/ttyUSB0; on a board uart:0, uart:1",
        "the wires TX, RX and ground, to a board's UART or between two boards",
        {
            "baud": "the rate of both sides; 115200 if left out",
            "tx, rx": "on a board: its pins, as tx=0&rx=1",
            "rxbuf": "on a board: bytes of the receive buffer; fits the rate if left out",
        },
    ),
}


class HostPort:
    """A serial port on a descriptor."""

    need = 1

    def __init__(self, fd: int, path: str, baud: int) -> None:
        self.fd = fd
        self.path = path
        self.baud = baud

    def clock(self) -> int:
        """Milliseconds that only grow."""
        return time.monotonic_ns() // 1_000_000

    def read(self) -> bytes:
        """What has come."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkError(f"the port {self.path} is gone: unplugged?") from error
        if not data:
            raise LinkError(f"the port {self.path} is gone: unplugged?")
        return data

    def write(self, data: bytes) -> int:
        """Writes what the port takes; returns how much."""
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkError(f"the port {self.path} is gone: unplugged?") from error

    def ahead(self) -> bool:
        """The system does not say."""
        return False

    def close(self) -> None:
        """Closes it."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def open_link(scheme: str, where: str, options: dict[str, str], timeout_s: float = 10) -> UartLink:
    """Opens the port that `uart:PATH` names, for this program alone."""
    if not where or where.isdigit():
        raise BadAddress(
            f"uart:{where} is a board's; on this computer say which port: uart:/dev/serial0 on a "
            "Raspberry Pi, uart:/dev/ttyUSB0 with an adapter"
        )
    for name in options:
        if name != "baud":
            raise BadAddress(f"uart:{where} has no option {name!r} on this computer; there is baud")
    text = options.get("baud", "115200")
    if not text.isdigit():
        raise BadAddress(f"baud={text}: a baud rate is a number, usual are 115200 and 921600")
    if not os.path.exists(where):
        raise CannotConnect(
            f"there is no port {where}: on a Raspberry Pi turn it on (sudo raspi-config, Interface "
            "Options, Serial Port: no login shell, but the port) and restart; an adapter may be "
            "unplugged"
        )
    fd = open_exclusive(where)
    try:
        set_baud(fd, where, int(text))
    except BaseException:
        os.close(fd)
        raise
    return UartLink(HostPort(fd, where, int(text)), fd, f"uart:{where}", int(text), RX_BYTES)


async def open_async(scheme: str, where: str, options: dict[str, str]) -> UartLink:
    """The same, without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, open_link, scheme, where, options)
