"""Access points: whoever stations join, a router or a virtual board, and what goes wrong there."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picosim.base.events import EventLoop

if TYPE_CHECKING:
    from picosim.wifi.radio import Radio

FIRST_LEASE = 20
"""Of a router; a board's DHCP server begins at 16."""
SEEN_DBM = -92
"""Weaker networks are not found by a scan, and not joined."""
JOINED_DBM = -85
"""Weaker networks are found, but joining them fails."""
CHANNELS_2_4_GHZ = range(1, 15)


@dataclass(frozen=True)
class WifiFaults:
    """What is wrong with an access point, and how long it takes for things."""

    wrong_password_joins: bool = False
    """A wrong password leaves a station at JOIN (status 1) for ever, instead of BADAUTH (-3)."""
    refuse_first: int = 0
    """So many times after a board's power-up its right password is refused as a wrong one."""
    no_lease: bool = False
    """Nobody answers DHCP."""
    enterprise: bool = False
    """WPA2-Enterprise: looks like any other network, and no password is right."""
    dns_dead: bool = False
    """Its DNS server does not answer."""
    join_s: float = 0.1
    """How long joining takes (a real one 1 to 5 s)."""
    lease_s: float = 0.1
    """How long DHCP takes then."""
    notice_s: float = 0.5
    """When a station notices that the access point has gone."""


class AccessPoint:
    """One network. Made by `World.access_point`; a board in AP mode has one of its own."""

    def __init__(
        self,
        loop: EventLoop,
        changed: Callable[[], None],
        ssid: str,
        password: str = "",
        *,
        channel: int = 6,
        rssi: int = -55,
        dhcp: bool = True,
        address: str = "192.168.1.1",
        internet: bool = True,
        names: Mapping[str, str] | None = None,
        faults: WifiFaults | None = None,
        board: Radio | None = None,
    ) -> None:
        if not 0 < len(ssid.encode()) <= 32:
            raise ValueError(f"{ssid!r} is no name of a network: 1 to 32 bytes")
        if password and not 8 <= len(password.encode()) <= 63:
            raise ValueError("a WPA2 password has 8 to 63 characters; '' is an open network")
        self._loop = loop
        self._changed = changed
        self.ssid = ssid
        self.password = password
        self.channel = channel
        self.rssi = rssi
        self.dhcp = dhcp
        self.address = str(ipaddress.ip_address(address))
        self.internet = internet
        self.names = dict(names or {})
        self.faults = faults or WifiFaults()
        self.board = board
        self.is_on = True
        self.stations: set[Radio] = set()
        self.bssid = hashlib.sha256(f"{ssid}/{address}/{channel}".encode()).digest()[:6]
        self._leases: dict[Radio, str] = {}
        self.tried: dict[Radio, int] = {}

    def __repr__(self) -> str:
        return f"<access point {self.ssid!r} {self.address}, {'on' if self.is_on else 'off'}>"

    # -- for whoever holds the world

    def off(self) -> None:
        """Take its power away: stations notice after `notice_s`."""
        self._loop.call(self.go)

    def on(self) -> None:
        """Give it power again."""
        self._loop.call(self._come)

    def set(self, faults: WifiFaults) -> None:
        """From now on it is this bad; who has joined stays."""
        self._loop.call(lambda: setattr(self, "faults", faults))

    # -- in the world's thread

    def _come(self) -> None:
        self.is_on = True
        self._changed()

    def go(self) -> None:
        """It is gone: nobody is joined any more, whatever they believe."""
        self.is_on = False
        for radio in list(self.stations):
            radio.left_alone(self)
        self.stations.clear()
        self._changed()

    @property
    def visible(self) -> bool:
        """Whether a Pico W hears it: 5 GHz it never does."""
        return self.is_on and self.rssi >= SEEN_DBM and self.channel in CHANNELS_2_4_GHZ

    @property
    def everybody(self) -> list[Radio]:
        """Who is in it: its stations, and the board whose network it is."""
        return [*self.stations, *([self.board] if self.board else [])]

    def network(self) -> ipaddress.IPv4Network:
        """Its addresses."""
        return ipaddress.IPv4Network(self.address + "/24", strict=False)

    def refusal(self, radio: Radio, key: str) -> int | None:
        """The status with which a join ends, or None where it is joined."""
        if self.rssi < JOINED_DBM:
            return -1
        if key != self.password or self.faults.enterprise:
            return 1 if self.faults.wrong_password_joins else -3
        tries = self.tried[radio] = self.tried.get(radio, 0) + 1
        return -3 if tries <= self.faults.refuse_first else None

    def lease(self, radio: Radio) -> tuple[str, str, str, str] | None:
        """Address, mask, gateway and DNS server for a station, as DHCP gives them."""
        if not self.dhcp or self.faults.no_lease:
            return None
        # A board's DHCP server keeps to the address that the firmware began with.
        gateway = "192.168.4.1" if self.board else self.address
        if radio not in self._leases:
            taken = set(self._leases.values())
            base, first = gateway.rpartition(".")[0], 16 if self.board else FIRST_LEASE
            self._leases[radio] = next(
                ip for ip in (f"{base}.{n}" for n in range(first, 250)) if ip not in taken
            )
        return (self._leases[radio], "255.255.255.0", gateway, gateway)
