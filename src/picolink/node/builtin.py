"""The services of every node, under `sys.` (spec 6): found by name when first called."""

from .. import load  # the services are above us: only by name
from ..core.errors import UnknownCommand
from ..core.packets import BEGUN
from .node import Command

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node
    from .talk import Talk

# Those that come with modules of their own, which a board loads only when they are wanted.
_SERVICES = ("describe", "stats", "time", "log", "wifi", "deliver", "bench")


def find(node: "Node", name: str) -> Command | None:
    """The service called `sys.NAME`, or None."""
    name = name[4:]
    if name == "subscribe":
        return Command(_subscribe, inner=True)
    if name == "read":
        return Command(_read, inner=True)
    if name in _SERVICES:
        service = load("services." + name)
        return Command(service.serve, inner=True)
    return None


def _subscribe(talk: "Talk", ref: int, topic: str, limit: int = 64, credit: int = 16) -> None:
    """Items of `topic` for the peer, until it cancels the call. `limit` 1: the latest only;
    `credit`: items that it has room for at first."""
    node = talk.node
    outgoing = talk.subscribe(ref, limit, credit)
    node.topics.setdefault(topic, []).append(outgoing)
    reading = node.readings.get(topic)
    meta: dict[str, Any] = {"items": 1}
    if reading is not None:
        meta["unit"] = reading.unit
        reading.start()
    talk.reply(BEGUN, ref, meta)
    if topic[:4] == "sys." and topic[4:] in _SERVICES:
        load("services." + topic[4:]).subscribed(node)


def _read(talk: "Talk", ref: int, name: str) -> "Any":
    """The present value of a reading: [value, clock, unit]."""
    reading = talk.node.readings.get(name)
    if reading is None:
        raise UnknownCommand("sys.read %s" % name)
    value = reading.function()
    if hasattr(value, "send"):
        talk.running[ref] = talk.node.spawn(talk.finish(ref, reading.later(value)))
        return None
    return reading.item(value)
