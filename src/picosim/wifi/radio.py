"""The radio of a virtual board: its station and its access point, as the CYW43 behaves.

Everything here runs in the world's thread. What the board's `network.WLAN` asks comes as calls of
the methods named `do_...` (see `medium.py`); errors are OSErrors with the board's error numbers.
"""

from __future__ import annotations

import errno
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from picosim.base.events import Timer
from picosim.wifi.access_point import AccessPoint

if TYPE_CHECKING:
    from picosim.wifi.medium import Air

DOWN, JOIN, NO_ADDRESS, UP = 0, 1, 2, 3
NO_NETWORK = -2
NOBODY = ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
DEFAULT_AP = ("192.168.4.1", "255.255.255.0", "192.168.4.1", "8.8.8.8")
PERFORMANCE_PM = 0xA11142
"""Power management of a station after activation: the radio sleeps between beacons."""


@dataclass(frozen=True)
class RadioFaults:
    """What is wrong with a board's radio."""

    believes: bool = False
    """`isconnected()` stays true, and the status 3, when the access point has gone."""
    power_save_s: float = 0
    """What comes for the board is so late, unless power management is off (pm=0xa11140)."""
    silent_after_s: float = 0
    """It does not answer from outside when it has sent nothing for so long, until it does."""
    default_address: int = 0
    """So many times its access point keeps to 192.168.4.1, whatever is set; -1: always."""


class Interface(NamedTuple):
    """An interface that is up, as the board believes; `cell` is where it really is."""

    ip: str
    mask: str
    gateway: str
    cell: AccessPoint | None

    def holds(self, ip: str) -> bool:
        """Whether `ip` is in its own network."""
        network = ipaddress.IPv4Network(f"{self.ip}/{self.mask}", strict=False)
        return ipaddress.IPv4Address(ip) in network


class Radio:
    """The Wi-Fi of one board."""

    def __init__(self, air: Air, name: str, address: str, mac: bytes) -> None:
        self.air = air
        self.name = name
        self.address = address  # on this computer's loopback
        self.mac = mac
        self.faults = RadioFaults()
        self.boot = 0  # counts losses of power
        self.tcp: dict[int, int] = {}  # port -> the one on loopback
        self.udp: dict[int, int] = {}
        self.callers: dict[int, tuple[str, int]] = {}  # of connections to it
        self.last_sent = time.monotonic()
        self._begin()

    def _begin(self) -> None:
        self.hostname = "PicoW"
        self.country = "XX"
        self.active = [False, False]
        self.settings = self.station_config = NOBODY
        self.static = False
        self.ap_config = DEFAULT_AP
        self.pm = PERFORMANCE_PM
        self.status = DOWN
        self.wanted: tuple[str, str, str] = ("", "", "")
        self.cell: AccessPoint | None = None
        self.own: AccessPoint | None = None
        self.ap: dict[str, Any] = {
            "ssid": "PICO" + self.mac.hex()[-4:].upper(), "key": "picoW123", "channel": 3,
            "security": 0x400004,
        }  # fmt: skip
        self._timer: Timer | None = None
        self._default_left = self.faults.default_address

    def __repr__(self) -> str:
        return f"<radio of {self.name}: {self.status}, {self.settings[0]}>"

    def set(self, faults: RadioFaults) -> None:
        """From now on it is this bad."""

        def now() -> None:
            self.faults = faults
            self._default_left = faults.default_address
            self.last_sent = time.monotonic()
            if faults.silent_after_s:
                self.air.look_again(faults.silent_after_s + 0.01)
            self.air.changed()

        self.air.loop.call(now)

    def wait_joined(self, timeout_s: float = 5) -> str:
        """Wait until it has joined a network, or is one, and return its address there."""
        with self.air.different:
            if not self.air.different.wait_for(self.interfaces, timeout_s):
                raise TimeoutError(
                    f"{self.name} joined no network within {timeout_s} s: status {self.status} "
                    f"of {self.wanted[0]!r}"
                )
            return self.interfaces()[-1].ip

    # -- what others ask

    def interfaces(self) -> list[Interface]:
        """Those that are up, as far as the board knows."""
        found = []
        if self.active[1] and self.own is not None:
            ip, mask = self.ap_config[:2]
            found.append(Interface(ip, mask, "", self.own))
        if self.active[0] and self.status == UP:
            ip, mask, gateway = self.settings[:3]
            found.append(Interface(ip, mask, gateway, self.cell))
        return found

    def reached(self) -> str:
        """The address at which this computer reaches it, "" where nothing comes through."""
        for interface in self.interfaces():
            cell = interface.cell
            if cell is not None and cell.is_on:
                inside = ipaddress.IPv4Address(interface.ip) in cell.network()
                if inside and interface.holds(cell.address):
                    return interface.ip
        return ""

    @property
    def silent(self) -> bool:
        """Whether it does not answer because it was idle for too long."""
        after_s = self.faults.silent_after_s
        return bool(after_s) and time.monotonic() - self.last_sent > after_s

    @property
    def delay_s(self) -> float:
        """How late what comes for it is."""
        return self.faults.power_save_s if self.pm & 0xF and self.status == UP else 0.0

    def sent(self) -> None:
        """It sent something: from now on it answers again."""
        silent = self.silent
        self.last_sent = time.monotonic()
        if silent:
            self.air.changed()
        elif self.faults.silent_after_s:
            self.air.look_again(self.faults.silent_after_s + 0.01)

    # -- what happens to it

    def power_lost(self) -> None:
        """All state is gone; nobody is told anything."""
        self.boot += 1
        self.tcp.clear()
        self.udp.clear()
        for cell in self.air.access_points:
            cell.tried.pop(self, None)
        self._leave()
        self._close_own()
        self._begin()
        self.air.changed()

    def program_ended(self) -> None:
        """A soft reset: sockets are closed, but the radio goes on as it was."""
        self.tcp.clear()
        self.udp.clear()
        self.air.changed()

    def left_alone(self, cell: AccessPoint) -> None:
        """The access point has gone."""
        self._cancel()
        self.cell = None
        if self.status == UP and self.faults.believes:
            return

        def notice() -> None:
            self.status = JOIN  # the driver goes on wanting it, and does nothing about it
            self._forget_lease()
            self.air.changed()

        self._timer = self.air.loop.after(cell.faults.notice_s, notice)

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        self._cancel()
        if self.cell is not None:
            self.cell.stations.discard(self)
            self.cell = None
        self.status = DOWN
        self._forget_lease()

    def _forget_lease(self) -> None:
        self.settings = self.station_config if self.static else NOBODY

    def _close_own(self) -> None:
        if self.own is not None:
            self.air.access_points.remove(self.own)
            self.own.go()
            self.own = None

    # -- what its program asks

    def do_active(self, itf: int, value: bool | None) -> bool:
        """Read, or switch an interface on or off."""
        if value is not None and value != self.active[itf]:
            self.active[itf] = value
            if itf:
                self._close_own()
                if value:
                    self.ap_config = DEFAULT_AP  # what was set before is lost
                    self._open_own()
            else:
                self._leave()
                self.static = False
                self.settings = NOBODY
                self.pm = PERFORMANCE_PM
            self.air.changed()
        return self.active[itf]

    def _open_own(self) -> None:
        open_network = self.ap["security"] == 0
        self.own = AccessPoint(
            self.air.loop, self.air.changed, self.ap["ssid"],
            "" if open_network else self.ap["key"], channel=self.ap["channel"],
            address=self.ap_config[0], internet=False, board=self,
        )  # fmt: skip
        self.air.access_points.append(self.own)

    def do_connect(self, ssid: str, key: str, bssid: str) -> None:
        """Join a network; `do_status` tells how that goes on."""
        if not self.active[0]:
            raise OSError(errno.EPERM)
        self._leave()
        self.wanted = (ssid, key, bssid)
        self.status = JOIN
        best = self._best()
        delay_s = best.faults.join_s if best else 0.1
        self._timer = self.air.loop.after(delay_s, self._joined)
        self.air.changed()

    def _best(self) -> AccessPoint | None:
        ssid, _, bssid = self.wanted
        found = [
            cell for cell in self.air.access_points
            if cell.visible and cell.ssid == ssid and bssid in ("", cell.bssid.hex())
        ]  # fmt: skip
        return max(found, key=lambda cell: cell.rssi, default=None)

    def _joined(self) -> None:
        self._timer = None
        cell = self._best()
        if cell is None or cell is self.own:
            self.status = NO_NETWORK
            return
        refusal = cell.refusal(self, self.wanted[1])
        if refusal is not None:
            self.status = refusal
            return
        self.cell = cell
        cell.stations.add(self)
        self.status = UP if self.static else NO_ADDRESS
        if not self.static:
            self._timer = self.air.loop.after(cell.faults.lease_s, self._leased)
        self.sent()
        self.air.changed()

    def _leased(self) -> None:
        self._timer = None
        lease = self.cell.lease(self) if self.cell else None
        if lease is None:  # DHCP asks again and again
            self._timer = self.air.loop.after(0.5, self._leased)
            return
        self.settings = lease
        self.status = UP
        self.sent()
        self.air.changed()

    def do_disconnect(self) -> None:
        """Leave the network."""
        self._leave()
        self.air.changed()

    def do_status(self, itf: int) -> int:
        """The status, as `WLAN.status()` gives it."""
        if itf:
            return UP if self.active[1] else DOWN
        return self.status

    def do_rssi(self) -> int:
        """The signal of the network joined, in dBm; 0 without one."""
        return self.cell.rssi if self.cell else 0

    def do_stations(self) -> list[str]:
        """Who has joined the board's access point."""
        return [radio.mac.hex() for radio in self.own.stations] if self.own else []

    def do_scan(self) -> list[list[Any]]:
        """The networks that are heard."""
        if not self.active[0]:
            raise OSError(errno.EPERM)
        return [
            [cell.ssid, cell.bssid.hex(), cell.channel, cell.rssi, 5 if cell.password else 0, 1]
            for cell in self.air.access_points
            if cell.visible and cell is not self.own
        ]

    def do_settings(self, itf: int) -> list[str]:
        """Address, mask, gateway, DNS server."""
        return list(self.ap_config if itf else self.settings)

    def do_set(self, itf: int, settings: list[str]) -> None:
        """Set them; "dhcp" as the address asks for a lease again."""
        if itf:
            if not self.active[1] or self.own is None:
                return  # lost when it is activated
            if self._default_left:
                self._default_left -= 1
                return
            self.ap_config = _four(settings)
            self.own.address = self.ap_config[0]
        elif settings[0] == "dhcp":
            self.static = False
            if self.cell is not None:
                self.status = NO_ADDRESS
                self.settings = NOBODY
                self._cancel()
                self._timer = self.air.loop.after(self.cell.faults.lease_s, self._leased)
        else:
            if not self.active[0]:
                return  # as above
            self.static = True
            self.settings = self.station_config = _four(settings)
            if self.status == NO_ADDRESS:
                self._cancel()
                self.status = UP
        self.air.changed()

    def do_config(self, itf: int, name: str) -> Any:
        """One thing of `WLAN.config`, as JSON has it."""
        about: dict[str, Callable[[], Any]] = {
            "ssid": lambda: self.ap["ssid"] if itf else (self.wanted[0] if self.cell else ""),
            "channel": lambda: (
                self.ap["channel"] if itf else (self.cell.channel if self.cell else 0)
            ),
            "security": lambda: self.ap["security"] if itf else (5 if self.cell else 0),
            "pm": lambda: self.pm,
            "mac": self.mac.hex,
            "hostname": lambda: self.hostname,
            "country": lambda: self.country,
        }
        return about[name]()

    def do_configure(self, itf: int, name: str, value: Any) -> None:
        """Set one thing; those of the access point hold from its next activation on."""
        if name == "pm":
            self.pm = value
            self.air.changed()
        elif name in ("hostname", "country"):
            setattr(self, name, value)
        elif itf:
            if name == "key" and not 8 <= len(value) <= 63:
                raise OSError(errno.EINVAL)
            self.ap[name] = value


def _four(settings: list[str]) -> tuple[str, str, str, str]:
    ip, mask, gateway, dns = (str(ipaddress.IPv4Address(word)) for word in settings)
    return ip, mask, gateway, dns
