"""Opening a node's links, and closing them. A board forgets this module once they are open."""

import asyncio
import sys

from ..core.failure import PicolinkError
from ..links.registry import open_link
from .driver import Driver

if sys.implementation.name == "micropython":
    from .wait_board import Host
else:
    from .wait_host import Host

MYPY = False
if MYPY:
    from typing import Any

    from ..links.base import Link
    from .node import Node


def start(node: "Node") -> None:
    """Gives the node the running event loop."""
    if node.host is None:
        node.host = Host(node.tick)


def add(node: "Node", link: "Link") -> None:
    """Serves an open link, or whoever comes to a listening one."""
    if hasattr(link, "accept"):

        def accept() -> None:
            new = link.accept()
            if new is not None:
                Driver(node, new)

        node.listeners.append((link, node.host.watch(link, accept)))
    elif hasattr(link, "reopen"):  # it waits for whoever comes next
        Driver(node, link).reopens = True
    else:
        Driver(node, link)


async def open_all(node: "Node", links: "Any") -> None:
    """Opens the links, and says so."""
    start(node)
    for link in links:
        try:
            opened = await open_link(link, node)
            add(node, opened)
            print("%s: listening on %s" % (node.name, opened.address))
        except (PicolinkError, OSError) as error:
            print("%s: no %s: %s" % (node.name, link, error))
    for function in node.on_start:
        function()
    node.on_start.clear()


def stop(node: "Node") -> None:
    """Ends all sessions politely and closes the links."""
    now_ms = node.now_ms()
    for session in list(node.endpoint.sessions.values()):
        node.endpoint.close(session, now_ms)
    for driver in node.drivers[:]:
        driver.on_lost = len  # and it is not opened anew
        try:
            driver.pump(now_ms)
        except (PicolinkError, OSError):
            pass
        driver.lost("the program ended")
    for listener, watch in node.listeners:
        watch.stop()
        listener.close()
    node.listeners.clear()
    if node.host is not None:
        node.host.stop()
        node.host = None


def poll(node: "Node", links: "tuple[Any, ...]") -> None:
    """Serves what has come, and returns."""
    if node.host is None:
        node.loop = asyncio.new_event_loop()
        node.loop.run_until_complete(open_all(node, links))
    node.loop.run_until_complete(_turn())


async def _turn() -> None:
    # On MicroPython `sleep` alone is no coroutine that a loop would run.
    await asyncio.sleep(0)
