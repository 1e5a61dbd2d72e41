"""What every node offers by itself, under `sys.` (spec 6): found by name when first called."""

from ... import load
from ...core.errors import BadArguments, UnknownCommand
from ...core.packets import BEGUN, CLOCK
from ..args import check_int
from ..invoke import NONE, call

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ..talk import Talk

# Those that come with modules of their own, which a board loads only when they are wanted.
_SERVICES = ("describe", "stats", "time", "log", "wifi", "deliver", "bench")


def find(name: str) -> "Callable[..., Any] | None":
    """The function of the service `sys.NAME`, or None. It takes the Talk and the call's number
    first; None as its value: it answers by itself."""
    if name == "subscribe":
        return _subscribe
    if name == "read":
        return _read
    if name in _SERVICES:
        try:
            service = load("node.services." + name)
        except ImportError:  # it was not packed
            return None
        return service.serve  # type: ignore[no-any-return]
    return None


def _subscribe(talk: "Talk", ref: int, topic: str, limit: int = 64, credit: int = 16) -> None:
    """Items of `topic` for the peer, until it cancels the call. `limit` 1: the latest only;
    `credit`: items that it has room for at first."""
    if not isinstance(topic, str) or not topic:
        raise BadArguments("topic=%r: it is the name of what is published" % (topic,))
    check_int("limit", limit, 1, CLOCK)
    check_int("credit", credit, 0, CLOCK // 2)
    node = talk.node
    reading = node.readings.get(topic)
    meta: dict[str, Any] = {"items": 1}
    if reading is not None:
        meta["unit"] = reading.unit
    try:
        outgoing = talk.subscribe(ref, limit, credit)
        talk.reply(BEGUN, ref, meta)
        node.topics.setdefault(topic, []).append(outgoing)
    except MemoryError:
        talk.outgoing.pop(ref, None)
        talk.refuse("Busy", "no memory for one more subscription")
    if reading is not None:
        reading.start()
    if topic[:4] == "sys." and topic[4:] in _SERVICES:
        load("node.services." + topic[4:]).subscribed(node)


def _read(talk: "Talk", ref: int, name: str) -> None:
    """The present value of a reading: [value, clock, unit]."""
    if not isinstance(name, str):
        raise BadArguments("name=%r: it is that of a reading" % (name,))
    reading = talk.node.readings.get(name)
    if reading is None:
        raise UnknownCommand("sys.read %s" % (name,))

    def done(ref: int, value: "Any", error: BaseException | None) -> None:
        talk.answer(ref, None if error is not None else reading.item(value), error)

    talk.running[ref] = None
    running = call(talk.node, reading.function, (), NONE, done, ref)
    if ref in talk.running:
        talk.running[ref] = running
