"""What may be said about Wi-Fi, in a program or in /picolink.json. A board forgets it once read."""

from ..core.errors import UsageError

MYPY = False
if MYPY:
    from typing import Any

_KEYS = (
    "networks",
    "address",
    "gateway",
    "dns",
    "access_point",
    "access_point_address",
    "channel",
    "hostname",
    "country",
    "power_save",
)


def settings(wanted: "Any") -> "dict[str, Any]":
    """What was wanted, complete; UsageError where it makes no sense.

    `("name", "password")`, a list of such in the order of preference, or a dictionary: "networks"
    (such a list); "address", "gateway", "dns" where DHCP is not to be asked; "access_point" (name
    and password of one's own network), "access_point_address", "channel"; "hostname", "country"
    (two letters), "power_save".
    """
    if not isinstance(wanted, dict):
        wanted = {"networks": [wanted] if _is_pair(wanted) else wanted}
    for word in wanted:
        if word not in _KEYS:
            raise UsageError("wifi: there is no %r; there are: %s" % (word, ", ".join(_KEYS)))
    networks = wanted.get("networks", [])
    if _is_pair(networks):
        networks = [networks]
    own = wanted.get("access_point")
    for pair in list(networks) + ([own] if own else []):
        _check(pair)
    if not networks and not own:
        raise UsageError("wifi: neither networks to join nor an access point of one's own")
    found: dict[str, Any] = {"networks": [tuple(pair) for pair in networks], "address": None}
    if "address" in wanted:
        address = wanted["address"]
        gateway = wanted.get("gateway") or address.rsplit(".", 1)[0] + ".1"
        dns = wanted.get("dns") or gateway
        for ip in (address, gateway, dns):
            _check_ip(ip)
        found["address"] = (address, "255.255.255.0", gateway, dns)
    found["access_point"] = None
    if own:
        address = wanted.get("access_point_address", "192.168.4.1")
        _check_ip(address)
        found["access_point"] = (own[0], own[1], address, wanted.get("channel", 6))
    for word in ("hostname", "country"):
        found[word] = wanted.get(word, "")
    found["power_save"] = bool(wanted.get("power_save"))
    return found


def _is_pair(pair: "Any") -> bool:
    return (
        isinstance(pair, (tuple, list))
        and len(pair) == 2
        and isinstance(pair[0], str)
        and (pair[1] is None or isinstance(pair[1], str))
    )


def _check(pair: "Any") -> None:
    if not _is_pair(pair) or not 0 < len(pair[0].encode()) <= 32:
        raise UsageError("wifi: write a network as its name (32 bytes at most) and its password")
    if pair[1] and not 8 <= len(pair[1].encode()) <= 63:
        raise UsageError(
            "wifi: the password of %s has %d characters; WPA2 has 8 to 63 (an open network: '')"
            % (pair[0], len(pair[1].encode()))
        )


def _check_ip(ip: str) -> None:
    parts = ip.split(".")
    if len(parts) != 4 or not all(part.isdigit() and int(part) < 256 for part in parts):
        raise UsageError("wifi: %r is no address; one looks like 192.168.1.20" % ip)
