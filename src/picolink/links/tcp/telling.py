"""What everybody in the network may know of a node. Loaded by a board that is asked, and let go."""

import sys

MYPY = False
if MYPY:
    from typing import Any


def tell(node: "Any") -> "dict[str, Any]":
    """It as JSON's object."""
    system = sys.implementation
    about = {
        "name": node.name,
        "uid": "".join("%02x" % byte for byte in node.endpoint.uid),
        "version": getattr(sys.modules.get("picolink"), "__version__", ""),
        "firmware": "%s %s" % (system.name, ".".join(str(part) for part in system.version[:3])),
        "machine": getattr(system, "_machine", sys.platform),
        "links": [
            thing.address
            for thing in [link for link, _ in node.listeners] + [d.link for d in node.drivers]
            if thing.address[:4] in ("tcp-", "usb:", "uart", "i2c-", "ble-")
        ],
    }
    try:
        station = node.wifi.sta  # AttributeError: it looks after no Wi-Fi
        from network import hostname

        about["host"] = hostname()
        if station.isconnected():
            about["rssi"] = station.status("rssi")
    except (AttributeError, OSError):
        pass
    return about
