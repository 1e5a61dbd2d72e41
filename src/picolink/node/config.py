"""`/picolink.json` on a board: what its node takes from there where the program leaves it out.

Loaded for a node without a name or links of its own, and let go when it runs. Whatever is wrong
with the file is one printed line: a board that nobody is beside must come up all the same.
"""

import json
import sys

from ..core.failure import PicolinkError

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node

PATH = "/picolink.json"


def _told(key: str) -> "tuple[Any, str]":
    """What the file says under `key` (None where nothing), and why not, where that is a fault."""
    try:
        with open(PATH) as file:
            told = json.loads(file.read())
    except OSError:
        return None, "there is no such file"
    except (ValueError, RuntimeError):
        return None, "it is no JSON"
    if not isinstance(told, dict):
        return None, "it holds no {...}"
    return told.get(key), ""


def _say(why: str, instead: str) -> None:
    print("picolink: %s: %s, so %s. `picolink install` writes it" % (PATH, why, instead))


def node_name(uid: bytes) -> str:
    """The node's name; one made of its identity where the file gives none. A host: its own."""
    if sys.implementation.name != "micropython":
        from .host.identity import host_name

        return host_name()
    name, why = _told("name")
    own = "pico-" + "".join("%02x" % byte for byte in uid[-2:])
    if name is None:
        _say(why or "it gives no name", "the name is " + own)
        return own
    from .naming import check_name

    try:
        if isinstance(name, str):
            return check_name(name)
    except PicolinkError:
        pass
    _say("%r is no name (letters, digits, - and _)" % (name,), "the name is " + own)
    return own


def complete(node: "Node", links: "list[Any]") -> "list[Any]":
    """Begins the node's Wi-Fi, where one is wanted, and gives the links to open."""
    if sys.implementation.name != "micropython":
        if node.wifi is not None:
            from ..core.errors import UsageError

            raise UsageError("wifi= is for boards: a computer joins networks by its own settings")
        return links
    try:
        from ..links import resolver as names

        names.node = node
    except ImportError:
        pass  # no link of this board goes beyond its wires
    wifi = node.wifi
    node.wifi = None
    try:
        if wifi is None:
            wifi = _told("wifi")[0]
        if hasattr(wifi, "begin"):  # of an earlier run
            node.wifi = wifi
            wifi.begin()
        elif wifi is not None:
            from ..net.wifi import Wifi

            names.lookup = Wifi(node, wifi).lookup
    except ImportError as error:
        why = "this board has none" if "'network'" in str(error) else "picolink install brings it"
        print("%s: no Wi-Fi: %s (%s)" % (node.name, why, error))
    except (PicolinkError, ValueError, OSError) as error:
        print("%s: no Wi-Fi: %s" % (node.name, error))
    return links or node_links()


def zone() -> str:
    """The rule of local time; "" where the file gives none."""
    rule = _told("zone")[0]
    return rule if isinstance(rule, str) else ""


def node_links() -> "list[str]":
    """The addresses to open; "usb:" where the file gives none."""
    links, why = _told("links")
    if links is not None:
        if isinstance(links, list):
            links = [link for link in links if isinstance(link, str)]
            if links:
                return links
        why = '"links" is no list of addresses'
    if why:
        _say(why, "the link is usb:")
    return ["usb:"]
