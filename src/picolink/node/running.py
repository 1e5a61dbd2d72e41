"""Running a node (`Node.run`)."""

import asyncio
import sys

from ..core.seldom import on_loaded, wipe

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node

# What a board needs to start, when a peer attaches and when it goes, and has no memory for at other
# times.
_STARTING = (
    "starting seldom core.control core.markers core.partial node.opening node.naming "
    "node.config node.after links.registry links.options links.tcp.board links.mqtt.dialing "
    "links.mqtt.opener links.mqtt.tls net.servers net.ntp net.udp net.names net.dns"
)
_DEPTH = 12  # in calls


def unload(names: str = _STARTING) -> None:
    """Lets go of modules, usually of all that a board needs to start; they are loaded again if
    wanted."""
    for below in names.split():
        path = "picolink." + below
        if sys.modules.pop(path, None):
            folder, _, name = path.rpartition(".")
            delattr(sys.modules[folder], name)
    wipe(_DEPTH)


def _forget_later(node: "Node") -> None:
    try:
        from .after import forget_later

        forget_later(node)
    except MemoryError:
        pass  # what it was loaded for is to run all the same


def _open(node: "Node", links: "list[Any]") -> "Any":
    """Opens links. No name in `serve` may hold the module that does all the time."""
    from .opening import open_all

    return open_all(node, links)


def _stop(node: "Node") -> None:
    on_loaded.clear()
    from .closing import stop

    stop(node)


async def serve(node: "Node", links: "tuple[Any, ...]") -> None:
    """Opens the links and runs what is a coroutine among them; else for ever."""
    try:
        await _open(node, [what for what in links if not hasattr(what, "send")])
        if sys.implementation.name == "micropython":
            unload()
            on_loaded.append(lambda: _forget_later(node))
        else:
            sys.stdout.flush()  # what was said of the links, where it goes into a pipe
        mains = [what for what in links if hasattr(what, "send")]
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
        from .host.signals import interrupt_at_once

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
        if sys.implementation.name == "micropython" and node.host is not None:
            _stop(node)  # its Ctrl-C came in another task, or in none, and has not ended `serve`
        asyncio.new_event_loop()  # on a board tasks would go on at the next run
