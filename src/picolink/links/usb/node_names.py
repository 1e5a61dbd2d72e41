"""Asks the boards on USB for the names of their nodes: no system knows them. Host only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ...core.errors import PicolinkError
from ..host.probe import Greeting
from .discover import Port, open_exclusive
from .host import UsbLink
from .port_turns import turn

ASK_MS = 1500


def named(name: str, ports: list[Port]) -> list[Port]:
    """Those of `ports` whose nodes have this name, in the same order. Asks all at once."""
    if not ports:
        return []
    with ThreadPoolExecutor(min(16, len(ports))) as pool:
        names = list(pool.map(_name_at, ports))
    fitting = [port for port, found in zip(ports, names, strict=True) if found == name]
    return [port._replace(name=name) for port in fitting]


def _name_at(port: Port) -> str:
    """The name of the node at a port, "" where none answers or another program has the port."""
    with turn(port.path):
        try:
            fd = open_exclusive(port.path)
        except (PicolinkError, OSError):
            return ""
        link = UsbLink(fd, port.path, "usb:" + port.path)
        try:
            greeting = Greeting(link)
            greeting.ask(ASK_MS)
            return greeting.name
        finally:
            link.close()
