"""Running a node (`Node.run`)."""

import asyncio
import sys

from ..core.seldom import wipe

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node

# What a board needs to start, when a peer attaches and when it goes, and has no memory for at other
# times.
_STARTING = (
    "picolink.starting",
    "picolink.seldom",
    "picolink.node.opening",
    "picolink.node.naming",
    "picolink.node.config",
    "picolink.links.registry",
    "picolink.links.tcp.board",
    "picolink.links.mqtt.dialing",
    "picolink.links.mqtt.tls",
    "picolink.net.servers",
    "picolink.net.ntp",
    "picolink.net.udp",
    "picolink.net.names",
    "picolink.net.dns",
)
_DEPTH = 12  # in calls


def forget_start() -> None:
    """Lets go of the modules that a board needs to start only; they are loaded again if wanted."""
    for path in _STARTING:
        if sys.modules.pop(path, None):
            folder, _, name = path.rpartition(".")
            delattr(sys.modules[folder], name)
    wipe(_DEPTH)


def _open(node: "Node", links: "list[Any]") -> "Any":
    """Opens links. No name in `serve` may hold the module that does all the time."""
    from .opening import open_all

    return open_all(node, links)


def _stop(node: "Node") -> None:
    from .closing import stop

    stop(node)


async def serve(node: "Node", links: "tuple[Any, ...]") -> None:
    """Opens the links and runs what is a coroutine among them; else for ever."""
    try:
        await _open(node, [link for link in links if not hasattr(link, "send")])
        if sys.implementation.name == "micropython":
            forget_start()
        else:
            sys.stdout.flush()  # what was said of the links, where it goes into a pipe
        mains = [link for link in links if hasattr(link, "send")]
        if mains:
            for main in mains:
                await main
        else:
            await asyncio.Event().wait()
    finally:
        _stop(node)


def run(node: "Node", links: "tuple[Any, ...]") -> None:
    """Runs until interrupted."""
    if sys.implementation.name != "micropython":
        from .signals import interrupt_at_once

        interrupt_at_once()
    else:
        wipe(_DEPTH)
    try:
        asyncio.run(serve(node, links))
    except KeyboardInterrupt:
        if sys.implementation.name == "micropython":
            raise
        raise KeyboardInterrupt from None  # without all of asyncio that it came through
    finally:
        asyncio.new_event_loop()  # on a board tasks would go on at the next run
