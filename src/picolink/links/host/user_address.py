"""Addresses as people type them, on the host: a path, an IP, a bare name."""

from __future__ import annotations

import ipaddress
import os
import re

from ...core.errors import BadAddress, CannotConnect
from ..redact import redact
from ..registry import SCHEMES
from .plugins import known


def normalise(text: str) -> str:
    """`text` as `scheme:where`. A bare name is looked for on USB, in the network (3 s, where it
    is not there), and by Bluetooth (2 s more, where there is any).

    Raises BadAddress, saying what is accepted, where it can't be understood; CannotConnect where
    no board has that name.
    """
    text = text.strip()
    scheme, colon, _ = text.partition(":")
    if SCHEMES.get(scheme) != "mqtt" and redact(text) != text:  # and so it stays hidden
        raise BadAddress(
            f"{redact(text)} has a user and a password in it, as only a broker's address has: "
            "mqtt://USER:PASSWORD@HOST/..."
        )
    if colon and (scheme in SCHEMES or (scheme and known(scheme))):
        return text
    if re.fullmatch(r"/.+|COM\d+|\\\\\.\\.+", text):
        return ("uart:" if _is_uart(text) else "usb:") + text
    host, _, port = text.rpartition(":")
    if _is_ip(text) or (port.isdigit() and (_is_ip(host) or _is_host(host))):
        return "tcp:" + text
    if colon:
        raise BadAddress(
            f"no link has the scheme {scheme!r}. An address is usb:auto, usb:NAME, a serial port's "
            f"path, tcp:HOST, an IP, or a board's name; `picolink links` lists the schemes"
        )
    if "." in text and _is_host(text):
        return "tcp:" + text
    return _search(text)


def _search(name: str) -> str:
    from ..tcp import discover
    from ..usb.discover import candidates, ports
    from ..usb.node_names import named

    if not name:
        raise BadAddress("the address is empty: try usb:auto, or `picolink devices`")
    plugged = ports()
    found = [port for port in plugged if name in (port.name, port.serial_number)]
    if found or candidates("usb:" + name) or named(name, plugged):
        return "usb:" + name
    there = discover.named(name)
    if len(there) == 1:
        return there[0].address
    if not there:
        from ..ble.scanning import nearby

        if any(node.name == name for node in nearby()):
            return "ble:" + name
    if there:
        listed = "; ".join(map(str, there))
        raise BadAddress(
            f"{len(there)} nodes in the network are named {name!r}: {listed}. Say which by its "
            f"address: {' or '.join(node.address for node in there)}; and give each a name of its "
            "own"
        )
    raise CannotConnect(
        f"no board named {name!r} was found on USB, in the network or by Bluetooth: is it plugged "
        "in, or on, and in this computer's network? `picolink devices` shows what is there; where "
        "the network keeps questions from it, tcp:HOST reaches it"
    )


def _is_uart(path: str) -> bool:
    """Whether this is a serial port with wires, rather than a board's USB."""
    name = os.path.basename(os.path.realpath(path.partition("?")[0]))
    if not re.match(r"serial|tty(AMA|S|USB|SC|THS|mxc|O)\d|cu\.usbserial", name):
        return False
    from ..usb.discover import real_ports

    return all(os.path.realpath(port.path) != os.path.realpath(path) for port in real_ports())


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _is_host(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text) is not None
