"""Addresses of NAME.local, which a board's firmware answers by itself (mDNS). Host only.

With `zeroconf` (`pip install "picolink[discovery]"`) on any computer; without it where the system
knows such names (macOS, Windows, Linux with avahi).
"""

from __future__ import annotations

import re
import socket

_LOCAL = ".local"


def addresses_of(host: str, own_addresses: list[str], timeout_s: float) -> list[str]:
    """The IPv4 addresses of `host`, which is NAME, NAME.local or a name of the DNS; [] where nobody
    knows it within `timeout_s`. Asks in the networks where this computer has `own_addresses`."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", host):
        return []  # nobody's name, and possibly much worse
    name = host.rstrip(".")
    if "." in name and not name.endswith(_LOCAL):
        return _of_system(name)
    if not own_addresses:
        return []
    name = name.removesuffix(_LOCAL) + _LOCAL
    try:
        import zeroconf
    except ImportError:
        return _of_system(name)
    try:
        asking = zeroconf.Zeroconf(interfaces=own_addresses, ip_version=zeroconf.IPVersion.V4Only)
    except OSError:
        return []  # no network
    try:
        resolver = zeroconf.AddressResolverIPv4(name + ".")  # type: ignore[attr-defined]
        if resolver.request(asking, timeout_s * 1000):
            return resolver.parsed_addresses()
    except (zeroconf.Error, OSError):
        pass
    finally:
        asking.close()
    return []


def _of_system(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    return [str(info[4][0]) for info in found]
