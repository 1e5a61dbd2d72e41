"""Which address scheme opens which link. A new link is one folder and one line here; on a host also
a package of its own (plugins.py)."""

import sys

MYPY = False
if MYPY:
    from typing import Any

    from ..node.node import Node

# scheme -> the folder of its link; its module `board` or `host` is imported when first used
SCHEMES = {
    "usb": "usb",
    "tcp": "tcp",
    "tcp-listen": "tcp",
    "uart": "uart",
    "i2c": "i2c",
    "i2c-target": "i2c",
    "i2c-registers": "i2c",
    "mqtt": "mqtt",
    "mqtts": "mqtt",
    "ble": "ble",
    "ble-peripheral": "ble",
    "loopback": "loopback",
    "loopback-listen": "loopback",
}

_SIDE = "board" if sys.implementation.name == "micropython" else "host"


def split(address: str) -> tuple[str, str, dict[str, str]]:
    """`scheme:where?option=value&...` as scheme, where and options; BadAddress where there is no
    such option. A broker's is not taken apart, as a password in it may hold a `?`."""
    scheme, _, where = address.partition(":")
    if "?" not in where:
        return scheme, where, {}
    if sys.implementation.name != "micropython":
        if scheme not in SCHEMES:
            from .host.plugins import parts as plugin_parts

            return plugin_parts(scheme, where)
    from .options import parts

    return parts(scheme, where)


def load(scheme: str) -> "Any":
    """The module that opens addresses of `scheme`."""
    try:
        name = "picolink.links.%s.%s" % (SCHEMES[scheme], _SIDE)
        __import__(name)
    except (KeyError, ImportError) as error:
        if sys.implementation.name != "micropython":
            if scheme not in SCHEMES:
                from .host.plugins import load_plugin

                return load_plugin(scheme)
        from .missing import missing

        raise missing(scheme, sorted(SCHEMES), error) from None
    return sys.modules[name]


async def open_link(address: str, node: "Node") -> "Any":
    """Opens `address`: a link, or a listener whose scheme ends in `-listen`."""
    scheme, where, options = split(address)
    try:
        return await load(scheme).open_async(scheme, where, options)
    except (MemoryError, OSError) as error:
        from .memory import explained
        from .redact import redact

        raise explained(error, redact(address)) from None
