"""Finds boards on USB, real and virtual, and turns ``usb:...`` into one port. Host only."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from ...core.errors import BadAddress, CannotConnect
from ..host.virtual import virtual_boards
from .identify import BOOT_DRIVE, WORDS, found
from .serial_port import holders, open_exclusive

__all__ = ["Port", "boot_drives", "candidates", "holders", "open_exclusive", "ports", "resolve"]

RASPBERRY_PI = 0x2E8A
MICROPYTHON = 0x0005
BOOT_ROM = 0x0003
ADAFRUIT = 0x239A

#: (vendor, product or None for any) -> what such a port is.
KNOWN: dict[tuple[int, int | None], str] = {
    (RASPBERRY_PI, MICROPYTHON): "MicroPython board",
    (ADAFRUIT, None): "CircuitPython board",
}


class Port(NamedTuple):
    """A serial port with a board on it. What is not known is None."""

    path: str
    serial_number: str | None = None
    name: str | None = None
    vid: int | None = None
    pid: int | None = None
    virtual: bool = False
    description: str = "serial port"

    def __str__(self) -> str:
        known = [part for part in (self.name, self.serial_number) if part]
        return f"{self.path} ({', '.join([self.description, *known])})"


def ports() -> list[Port]:
    """All boards on USB, real ones first. Opens none of them."""
    return real_ports() + virtual_ports()


def real_ports() -> list[Port]:
    """The boards that the system's serial ports tell of by their USB ids."""
    from serial.tools import list_ports

    boards = []
    for info in list_ports.comports():
        kind = KNOWN.get((info.vid, info.pid)) or KNOWN.get((info.vid, None))
        if kind is not None:
            number = info.serial_number
            boards.append(Port(info.device, number, None, info.vid, info.pid, False, kind))
    return sorted(boards)


def virtual_ports() -> list[Port]:
    """The virtual boards that are running, where a simulator is installed."""
    boards = []
    for told in virtual_boards():
        path, number, name = told["usb_path"], told["unique_id"].upper(), told["name"]
        if os.path.exists(path):
            ids = (RASPBERRY_PI, MICROPYTHON)
            boards.append(Port(path, number, name, *ids, True, "virtual board"))
    return boards


def boot_drives(usb_devices: Path = Path("/sys/bus/usb/devices")) -> list[str]:
    """Picos that wait for firmware: where their drive is, or their place on the USB bus."""
    if sys.platform == "darwin":
        return [str(p) for p in Path("/Volumes").glob("RPI-RP2*")]
    if sys.platform == "win32":
        drives = [Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
        return [str(drive) for drive in drives if (drive / "INFO_UF2.TXT").exists()]
    waiting = []
    for device in sorted(usb_devices.glob("*")):
        try:
            vendor = int((device / "idVendor").read_text(), 16)
            product = int((device / "idProduct").read_text(), 16)
        except (OSError, ValueError):
            continue  # an interface, or unplugged just now
        if (vendor, product) == (RASPBERRY_PI, BOOT_ROM):
            waiting.append(device.name)
    return waiting


def candidates(spec: str) -> list[Port]:
    """The ports that `spec` can mean: those to ask where a board's name is known only to itself.

    `spec` is what follows ``usb:`` in an address, or a path; see `resolve`.
    """
    wanted = spec.removeprefix("usb:").strip()
    if is_path(wanted):
        known = [p for p in ports() if _same_path(p.path, wanted)]
        return known or ([Port(wanted)] if _path_exists(wanted) else [])
    boards = ports()
    if wanted in ("", "auto"):
        return boards
    exact = [p for p in boards if p.serial_number and p.serial_number.upper() == wanted.upper()]
    exact = exact or [p for p in boards if p.name == wanted]
    return exact or [p for p in boards if p.name is None]


def resolve(spec: str) -> Port:
    """The one port of ``usb:auto``, ``usb:NAME``, ``usb:SERIAL``, ``/dev/ttyACM0`` or ``COM3``.

    Raises `BadAddress` where several boards fit, `CannotConnect` where none does; both say what
    to do. Real boards are asked for their names, where none is known to have it.
    """
    wanted = spec.removeprefix("usb:").strip()
    fitting = candidates(spec)
    if is_path(wanted):
        if not fitting:
            raise _no_board(f"there is no port {wanted}", "no_port")
        return fitting[0]
    if wanted in ("", "auto"):
        if not fitting:
            raise _none("no board on USB")
        if len(fitting) > 1:
            raise BadAddress(
                f"usb:auto means the only board, and there are {len(fitting)}: {_listed(fitting)}. "
                f"Say which: {' or '.join(_address(p) for p in fitting)}"
            )
        return fitting[0]
    certain = [p for p in fitting if wanted in (p.name, p.serial_number) or _is_serial(p, wanted)]
    if not certain:
        from .node_names import named

        certain = named(wanted, fitting or ports())
    if len(certain) == 1:
        return certain[0]
    if certain:
        raise BadAddress(
            f"{len(certain)} boards are named {wanted!r}: {_listed(certain)}. Say which by its "
            f"serial number: {' or '.join(f'usb:{p.serial_number}' for p in certain)}; and give "
            "each board a name of its own"
        )
    raise _no_board(
        f"no board named {wanted!r} on USB, and no node there answers to it", "no_board",
        ". `picolink devices` asks each; one in the network is tcp:HOST",
    )  # fmt: skip


def _is_serial(port: Port, wanted: str) -> bool:
    return bool(port.serial_number) and str(port.serial_number).upper() == wanted.upper()


def _address(port: Port) -> str:
    return f"usb:{port.name or port.serial_number or port.path}"


def _listed(boards: list[Port]) -> str:
    return "; ".join(str(board) for board in boards)


def _no_board(why: str, kind: str, more: str = "") -> CannotConnect:
    """`why`, and what is there instead; `more` ends the text."""
    boards = ports()
    if not boards:
        return _none(f"{why}: no board is there", kind, "; ", more)
    there = f"there is {_listed(boards)}"
    if more:
        return CannotConnect(f"{why}: {there}", kind=kind, advice=more.removeprefix(". "))
    return CannotConnect(why, kind=kind, joint=": ", advice=there)


def _none(why: str, kind: str = "no_board", joint: str = ": ", more: str = "") -> CannotConnect:
    """`why`, where no board is on USB, and what to do."""
    if boot_drives():
        waiting = found(BOOT_DRIVE)
        return CannotConnect(
            f"{why}{joint}{waiting.what}", kind=WORDS[BOOT_DRIVE], joint=" ",
            advice=waiting.advice + more,
        )  # fmt: skip
    return CannotConnect(
        why, kind=kind, joint=joint,
        advice="check that the board is plugged in, that the cable carries data (many only "
        "charge), and that MicroPython is on it. `picolink devices` shows what is found" + more,
    )  # fmt: skip


def is_path(text: str) -> bool:
    """Whether what follows `usb:` names a port rather than a board."""
    return "/" in text or "\\" in text or re.fullmatch(r"COM\d+", text, re.I) is not None


def _same_path(one: str, other: str) -> bool:
    if one.upper() == other.upper() and re.fullmatch(r"COM\d+", one, re.I):
        return True
    return os.path.realpath(one) == os.path.realpath(other)


def _path_exists(path: str) -> bool:
    if re.fullmatch(r"COM\d+", path, re.I):
        from serial.tools import list_ports

        return any(info.device.upper() == path.upper() for info in list_ports.comports())
    return os.path.exists(path)
