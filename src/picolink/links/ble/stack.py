"""The Bluetooth of this computer: bleak, or why there is none, in words. Host only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.errors import CannotConnect

if TYPE_CHECKING:
    import bleak

#: The classes of a scanner and of a client that bleak uses in place of the system's Bluetooth, as
#: its `backend=` takes them. The simulator sets them.
BACKENDS: tuple[Any, Any] = (None, None)


class Absent(NamedTuple):
    """Why there is no Bluetooth."""

    kind: str
    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.why} {self.advice}"

    def error(self) -> CannotConnect:
        """The error that tells of it."""
        kind = self.kind.lower().replace(" ", "_")
        return CannotConnect(self.why, kind=kind, advice=self.advice, joint=" ")


_OFF = Absent(
    "adapter off",
    "Bluetooth is switched off.",
    "Switch it on: on Linux `rfkill unblock bluetooth`, then `bluetoothctl power on` (a Raspberry "
    "Pi with a desktop: the Bluetooth symbol); elsewhere in the system's settings.",
)
_NO_ADAPTER = Absent(
    "no adapter",
    "This computer has no Bluetooth adapter, or its system does not see one.",
    "On a Raspberry Pi look whether /boot/firmware/config.txt has `dtoverlay=disable-bt` (or "
    "miniuart-bt with the serial port in use), and `sudo apt install pi-bluetooth`; `rfkill list` "
    "shows what is blocked. Else a USB adapter will do, with Bluetooth 4.0 or newer.",
)
_NO_BLUEZ = Absent(
    "no BlueZ",
    "The Bluetooth service of Linux (BlueZ) does not run here.",
    "`sudo apt install bluez`, then `sudo systemctl enable --now bluetooth`. A container has "
    "neither it nor D-Bus unless it is given the host's /run/dbus.",
)
_DENIED = Absent(
    "not permitted",
    "The system does not let this program use Bluetooth.",
    "On Linux `sudo usermod -aG bluetooth $USER`, then log in anew; on macOS allow it to the "
    "terminal (or editor) under Privacy & Security, Bluetooth.",
)
_TOO_OLD = Absent(
    "no low energy",
    "The Bluetooth adapter can't be a central of Bluetooth LE.",
    "Use one with Bluetooth 4.0 or newer.",
)
_BY_REASON = {
    "NO_BLUETOOTH": _NO_ADAPTER,
    "NO_BLE_CENTRAL_ROLE": _TOO_OLD,
    "POWERED_OFF": _OFF,
    "DENIED_BY_USER": _DENIED,
    "DENIED_BY_SYSTEM": _DENIED,
    "DENIED_BY_UNKNOWN": _DENIED,
}


def library() -> Any:
    """The module `bleak`; CannotConnect where it is not installed."""
    try:
        import bleak
    except ImportError:
        raise CannotConnect(
            "Bluetooth from this computer needs bleak", kind="no_library", joint=": ",
            advice="pip install 'picolink[ble]'",
        ) from None  # fmt: skip
    return bleak


def scanner(on_found: Callable[[Any, Any], object]) -> bleak.BleakScanner:
    """A scanner, not started."""
    made: bleak.BleakScanner = library().BleakScanner(on_found, backend=BACKENDS[0])
    return made


def client(device: Any, on_gone: Callable[[Any], object], timeout_s: float) -> bleak.BleakClient:
    """A client, not connected."""
    made: bleak.BleakClient = library().BleakClient(
        device, disconnected_callback=on_gone, timeout=timeout_s, backend=BACKENDS[1]
    )
    return made


async def held() -> list[Any]:
    """The devices with our service that this computer is connected to already: BlueZ keeps the
    connection of a program that was killed."""
    from .advertising import SERVICE

    adapter = getattr(library(), "BleakAdapter", None)  # of bleak 3.1
    if BACKENDS[0] is not None or adapter is None:
        return []
    try:
        return list(await (await adapter.get()).get_connected_devices([SERVICE]))
    except Exception:  # not on this system; what is wrong with Bluetooth the scan tells
        return []


def absent(error: BaseException) -> Absent | None:
    """Why there is no Bluetooth, where that is what an error of bleak means."""
    reason = getattr(getattr(error, "reason", None), "name", "")
    if reason:
        return _BY_REASON.get(reason, _OFF)
    if isinstance(error, OSError) and sys.platform == "linux":
        # The socket of D-Bus: bleak tells of anything else by errors of its own.
        return _DENIED if isinstance(error, PermissionError) else _NO_BLUEZ
    told = str(getattr(error, "dbus_error", ""))
    if told.endswith(("ServiceUnknown", "NameHasNoOwner", "Spawn.ChildExited")):
        return _NO_BLUEZ
    if told.endswith("NotReady"):
        return _OFF
    if told.endswith(("AccessDenied", "NotPermitted", "NotAuthorized")):
        return _DENIED
    return None
