"""Examines a board's USB port: from the cable to the node. Host only."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from ...core.errors import BadAddress, LinkError, PortBusy
from ..host.diagnosis import Step, bad, firmware, good, of_node, split_message
from ..host.probe import Greeting
from . import identify
from .discover import boot_drives, is_path, ports, resolve
from .host import UsbLink
from .serial_port import open_exclusive

USB_DEVICES = Path("/sys/bus/usb/devices")
_RASPBERRY_PI = "2e8a"
_REST_MS = 100
_ANSWER_MS = 1500  # as `connect` waits before it asks what else is there
_ATTEMPT = "a picolink node answers"
_CABLE = (
    "Take another cable, one that is known to carry data. Then hold BOOTSEL while plugging in: if "
    "the drive RPI-RP2 appears, cable and port are good and MicroPython is missing; if not, it is "
    "the cable, the port or the board."
)


def around() -> list[str]:
    """The boards that are plugged in, and whatever waits for firmware."""
    found = [f"usb:{port.path}" for port in ports()]
    return found or (["usb:auto"] if boot_drives() or silent_boards() else [])


def examine(where: str, options: dict[str, str]) -> Iterator[Step]:
    """Looks at the cable, the port, and what answers there."""
    try:
        port = resolve(where)
    except BadAddress:
        raise  # several boards: the user is to say which
    except LinkError as error:
        yield _not_there(where, error)
        return
    yield good(f"the port is there: {port}")
    fd = yield from opened(port.path)
    if fd is None:
        return
    link = UsbLink(fd, port.path, f"usb:{port.path}")
    try:
        yield from _ask(link)
    finally:
        link.close()


def _not_there(where: str, error: LinkError) -> Step:
    """Why no port fits."""
    if is_path(where):
        why, advice = split_message(error)
        return bad(f"the port {where} is there", "no port", why, advice)
    boards = ports()
    what = "a board is plugged in"
    if boards:
        there = "; ".join(str(board) for board in boards)
        return bad(
            what, "no such board", f"No board called {where!r} is there, but {there}.",
            "Say usb:auto, or the path or serial number that `picolink devices` prints.",
        )  # fmt: skip
    if boot_drives():
        found = identify.found(identify.BOOT_DRIVE)
        return bad(what, found.kind, found.what, found.advice)
    silent = silent_boards()
    if silent:
        return bad(
            what, "no serial port",
            f"A Raspberry Pi device is plugged in ({', '.join(silent)}), but it offers no serial "
            "port: a program that is not MicroPython runs there, or it is a debug probe.",
            "Install MicroPython: hold BOOTSEL while plugging in, then copy the .uf2 file from "
            "micropython.org/download/RPI_PICO_W onto the drive RPI-RP2.",
        )  # fmt: skip
    return bad(
        what, "nothing enumerates",
        "No board shows up on USB: nothing is plugged in, or the cable only charges (many do), or "
        "the program on the board does not use USB.",
        _CABLE,
    )  # fmt: skip


def silent_boards() -> list[str]:
    """Devices of Raspberry Pi on the bus that are no boot drive, by their names (Linux)."""
    found = []
    for device in sorted(USB_DEVICES.glob("*")):
        try:
            if (device / "idVendor").read_text().strip() == _RASPBERRY_PI:
                if int((device / "idProduct").read_text(), 16) != 0x0003:
                    found.append((device / "product").read_text().strip())
        except (OSError, ValueError):
            continue  # an interface, or unplugged just now
    return found


def opened(path: str) -> Generator[Step, None, int | None]:
    """Whether a port opens; its file descriptor, where it does."""
    try:
        fd = open_exclusive(path)
    except LinkError as error:
        why, advice = split_message(error)
        if isinstance(error, PortBusy):
            yield bad("no other program holds the port", identify.HELD, why, advice)
        else:
            kind = "no permission" if error.kind == "no_permission" else "port fails"
            yield bad(f"the port {path} opens", kind, why, advice)
        return None
    yield good("the port opens, and no other program holds it")
    return fd


def _ask(link: UsbLink) -> Iterator[Step]:
    """Who answers on the open port."""
    greeting = Greeting(link)
    greeting.wait(_REST_MS)
    if greeting.ask(_ANSWER_MS):
        yield of_node(greeting)
        return
    if greeting.lost:
        yield bad(
            _ATTEMPT, "port lost", f"{greeting.lost}.",
            "Look at the plug and the cable; a board that resets again and again lacks power.",
        )  # fmt: skip
        return
    found = link.diagnose(greeting.heard, greeting.wait)
    if greeting.packets and found.kind in (identify.SILENT, identify.PROGRAM):
        found = identify.found(identify.DEAF_NODE)
    version = identify.version_of(greeting.heard.decode("utf-8", "replace"))
    if version:
        yield firmware(f"MicroPython {version}")
    if found.kind == identify.RAW_REPL:  # the probe has left it: as it was found
        link.write(b"\x01")
        greeting.wait(identify.ANSWER_MS)
    yield bad(_ATTEMPT, found.kind, found.what, found.advice)
