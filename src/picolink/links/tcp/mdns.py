"""Addresses of NAME.local, which a board's firmware answers by itself (mDNS). Host only.

With `zeroconf` (`pip install "picolink[discovery]"`) on any computer; without it where the system
knows such names (macOS, Windows, Linux with avahi).
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading

_LOCAL = ".local"
_LOOK_S = 0.05  # whether nobody waits any more


def addresses_of(
    host: str, own_addresses: list[str], timeout_s: float, over: threading.Event | None = None
) -> list[str]:
    """The IPv4 addresses of `host`, which is NAME, NAME.local or a name of the DNS; [] where nobody
    knows it within `timeout_s`, or before `over` is set. Asks in the networks where this computer
    has `own_addresses`."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", host):
        return []  # nobody's name, and possibly much worse
    name = host.rstrip(".")
    if "." in name and not name.endswith(_LOCAL):
        return _of_system(name)
    if not own_addresses:
        return []
    name = name.removesuffix(_LOCAL) + _LOCAL
    try:
        from zeroconf import AddressResolverIPv4  # type: ignore[attr-defined]  # noqa: F401
    except ImportError:  # or an older one, which can't
        return _of_system(name)
    return asyncio.run(_asked(name + ".", own_addresses, timeout_s, over or threading.Event()))


async def _asked(
    name: str, own_addresses: list[str], timeout_s: float, over: threading.Event
) -> list[str]:
    """By questions as RFC 6762 has them: one for an answer to us alone, which another program at
    UDP 5353 may get; soon after one for an answer to everybody; then again, each a second later,
    since what was told to everybody a moment ago need not be told again."""
    import zeroconf
    from zeroconf.asyncio import AsyncZeroconf

    try:
        asking = AsyncZeroconf(interfaces=own_addresses, ip_version=zeroconf.IPVersion.V4Only)
    except OSError:
        return []  # no network
    try:
        resolver = zeroconf.AddressResolverIPv4(name)  # type: ignore[attr-defined]
        request = asyncio.ensure_future(resolver.async_request(asking.zeroconf, timeout_s * 1000))
        while not request.done() and not over.is_set():
            await asyncio.wait([request], timeout=_LOOK_S)
        if request.done():
            return resolver.parsed_addresses() if request.result() else []
        request.cancel()
        await asyncio.wait([request])
    except (zeroconf.Error, OSError):
        pass
    finally:
        await asking.async_close()
    return []


def _of_system(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    return [str(info[4][0]) for info in found]
