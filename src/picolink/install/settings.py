"""`/picolink.json`: the name, the links and the Wi-Fi of a board, merged with what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..core.errors import UsageError
from ..links.mqtt.address import Broker
from ..links.redact import redact
from ..links.registry import SCHEMES, split
from ..node.naming import check_name
from ..packing import GROUPS
from .errors import InstallError

PATH = "/picolink.json"

#: A link by the name of its folder, or a scheme -> the address that a board opens. Those that are
#: not here are no link without more: a broker, the node that is dialed.
ADDRESSES = {
    "usb": "usb:",
    "tcp": "tcp-listen::5263",
    "tcp-listen": "tcp-listen::5263",
    "uart": "uart:0?tx=0&rx=1&baud=115200",
    "ble": "ble-peripheral:",
    "ble-peripheral": "ble-peripheral:",
    "i2c": "i2c-target:0/0x43?sda=0&scl=1",
    "i2c-target": "i2c-target:0/0x43?sda=0&scl=1",
    "i2c-registers": "i2c-registers:0/0x43?sda=0&scl=1",
}
DEFAULT_LINKS = ("usb", "tcp")


class Wifi(NamedTuple):
    """A network to join."""

    ssid: str
    password: str


def available() -> list[str]:
    """The links that a board can have, by the names of their folders."""
    return sorted({group for group in SCHEMES.values() if group in GROUPS} & set(ADDRESSES))


def is_address(text: str) -> bool:
    """Whether it is an address with a scheme that a board may open."""
    return ":" in text and group_of(text) in GROUPS


def address_of(link: str) -> str:
    """The address that a board opens for `link`: a name ("uart") or an address itself."""
    link = link.strip()
    if is_address(link):
        if group_of(link) == "mqtt":  # what is wrong with it is raised
            Broker(link)
        else:
            split(link)
        return link
    if link in ADDRESSES:
        return ADDRESSES[link]
    if link in SCHEMES:
        raise UsageError(
            f"the link {link} needs more than its name: write the whole address, as in mqtt://HOST "
            "(`picolink links` shows how)"
        )
    raise UsageError(
        f"there is no link {redact(link)!r} for a board: use {', '.join(available())}, or an "
        "address such as tcp-listen::5263"
    )


def group_of(address: str) -> str:
    """The group of `picolink.packing` that an address needs; "" where no link has its scheme."""
    return SCHEMES.get(address.partition(":")[0], "")


def parse(text: bytes | None, path: str = PATH) -> dict[str, Any]:
    """What the board's file says; {} where there is none. `InstallError` where it is damaged."""
    if text is None:
        return {}
    try:
        told = json.loads(text)
        if not isinstance(told, dict):
            raise ValueError("it holds no {...}")
    except ValueError as error:
        raise InstallError(
            f"the board's {path} can't be read: {error}. Correct it, or have it written anew with "
            "--force"
        ) from None
    return told


def merge(
    told: dict[str, Any],
    *,
    name: str = "",
    links: Iterable[str] | None = None,
    wifi: Wifi | None = None,
    name_else: str = "",
    links_else: Iterable[str] = DEFAULT_LINKS,
    zone_else: str = "",
) -> dict[str, Any]:
    """What the file is to say: `told`, with what was asked for. Keys that are not ours stay.

    `links` None leaves those that it has; `name_else`, `links_else` and `zone_else` (the rule of
    local time) stand in where it has none that are good.
    """
    merged = dict(told)
    merged["name"] = check_name(name) if name else _good_name(told.get("name")) or name_else
    old = told.get("links")
    old = [link for link in old if isinstance(link, str)] if isinstance(old, list) else []
    if links is None:
        merged["links"] = old or [ADDRESSES[link] for link in links_else]
    else:
        merged["links"] = list(dict.fromkeys(_keep(link, old) for link in links))
    if wifi is not None:
        merged["wifi"] = _with_network(told.get("wifi"), wifi)
    if zone_else:
        merged.setdefault("zone", zone_else)
    return merged


def _with_network(told: Any, wifi: Wifi) -> Any:
    """What the file is to say of Wi-Fi (net/settings.py): `wifi` first, and what else it said."""
    if isinstance(told, dict):
        return {**told, "networks": _with_network(told.get("networks"), wifi)}
    others = [pair for pair in _pairs(told) if pair[0] != wifi.ssid]
    several = isinstance(told, list) and told and not isinstance(told[0], str)
    return [list(wifi), *others] if several else list(wifi)


def network_names(merged: dict[str, Any]) -> list[str]:
    """The networks that the file has a board join; never their passwords."""
    wifi = merged.get("wifi")
    return [pair[0] for pair in _pairs(wifi.get("networks") if isinstance(wifi, dict) else wifi)]


def _pairs(networks: Any) -> list[list[str]]:
    if not isinstance(networks, list) or not networks:
        return []
    pairs = [networks] if isinstance(networks[0], str) else networks
    return [pair for pair in pairs if isinstance(pair, list) and pair and isinstance(pair[0], str)]


def _keep(link: str, old: list[str]) -> str:
    """The address of `link`; where it is only a name, the one that the board has for it."""
    address = address_of(link)
    if ":" not in link:
        for known in old:
            if group_of(known) == group_of(address):
                return known
    return address


def _good_name(name: object) -> str:
    try:
        return check_name(name) if isinstance(name, str) else ""
    except UsageError:
        return ""


def groups(merged: dict[str, Any], *, more: Iterable[str] = (), wifi: bool = False) -> list[str]:
    """The groups to pack for the links and the Wi-Fi of the file, for the addresses in `more`, and
    for a program that wants Wi-Fi itself."""
    needed = {group_of(address) for address in [*merged["links"], *more]}
    if wifi or merged.get("wifi"):
        needed.add("wifi")
    return sorted(group for group in needed if group in GROUPS)


def text(merged: dict[str, Any]) -> bytes:
    """The file, as people may edit it."""
    return (json.dumps(merged, indent=2, ensure_ascii=False) + "\n").encode()
