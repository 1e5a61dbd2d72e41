"""Opening a node's links. A board forgets this module once they are open."""

import sys

from ..core.failure import PicolinkError
from ..links.registry import open_link
from .driver import Driver

if sys.implementation.name == "micropython":
    from .loop_board import Host
else:
    from .host.loop_asyncio import Host

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node


def start(node: "Node") -> None:
    """Gives the node the running event loop."""
    if node.host is None:
        node.host = Host(node.tick, node)


def add(node: "Node", link: "Any") -> None:
    """Serves an open link, or whoever comes to a listening one."""
    if hasattr(link, "accept"):  # abilities.Listener
        from .connections import Connections

        Connections(node, link)
    elif hasattr(link, "reopen"):  # abilities.Reopening: waits for whoever comes next
        Driver(node, link).reopens = True
    else:
        Driver(node, link)


async def open_all(node: "Node", links: "Any") -> None:
    """Opens the links, and says so. A board without any opens those of its /picolink.json."""
    start(node)
    node.failed = failed = []
    from .config import complete

    wished = complete(node, links)
    if sys.implementation.name == "micropython":
        for link in wished:
            address = getattr(link, "address", link)  # abilities.Unopened
            if address[:4] == "mqtt":
                from ..links.tls_room import keep

                keep(address)
    for link in wished:
        try:
            # abilities.Unopened
            if hasattr(link, "open") or link[:4] == "mqtt" or "//" in link:
                from .features.mqtt_topics import serve

                broker, link = link, "MQTT"  # an address may hold a password
                opened: Any = serve(broker, node)
            elif link[:4] in ("tcp:", "ble:"):
                raise PicolinkError("it dials a node: give it to node.peer(...)")
            else:
                opened = await open_link(link, node)
            add(node, opened)
            print("%s: listening on %s" % (node.name, opened.address))
        except (PicolinkError, OSError, ImportError, MemoryError) as error:
            failed.append((link, error))
            print("%s: no %s: %s" % (node.name, link, error))
    for function in node.on_start:
        function()
    node.on_start.clear()
