"""`sys.deliver`: takes the readings of nodes that sleep in between (node/features/deep_sleep).

Each becomes a reading of this node, NODE/NAME, for whoever subscribes to it or asks for the last
value, and goes to the functions declared with `@node.on_delivery`.
"""

import sys

from ...core.errors import BadArguments, UsageError
from ...core.packets import CLOCK
from ...core.values import encode
from ..args import check_int
from ..client.reading import Reading as Item
from ..client.subscription import wall_s
from ..error_reply import NotBegun
from ..invoke import NONE, call
from ..naming import check_name
from ..publishing import put
from ..readings import Reading

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ..node import Node
    from ..talk import Talk

_IDS = 128  # remembered of each node: more than it keeps
_NODES = 16
_NAMES = 64
_LONGEST = 8192  # bytes of one record
_OLDEST_AGE_MS = 10 * 366 * 86400 * 1000
_OLDEST_MS = CLOCK // 4  # three days: times on the wire are modulo twelve


class _Delivered(Reading):
    """A reading as another node delivered it last."""

    last: "list[Any]" = [None, 0, "", "nothing came yet"]
    at_ms = 0
    count = 0

    def item(self, value: "Any") -> "list[Any]":
        last = self.last
        if len(last) == 3 and self.node.now_ms() - self.at_ms > _OLDEST_MS:
            return last + ["unknown"]
        return last

    def start(self) -> None:
        """The next value comes when it comes."""


class Deliveries:
    """What a node was delivered."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._ids: dict[bytes, list[int]] = {}  # of each node's last records
        self.takers: list[Callable[[str, Item], Any]] = []

    def take(
        self, talk: "Talk", id: int, age_ms: "int | None", items: "list[Any]", missed: int
    ) -> None:
        """Takes a record, unless it came before. One that can't be read is a ValueError or
        TypeError, and nothing of it is taken."""
        uid = talk.session.peer_uid
        if id in self._ids.get(uid, ()):
            return
        now_ms = self._node.now_ms()
        wall = wall_s()
        at_ms = now_ms - max(int(age_ms or 0), 0)
        made = []
        for name, value, unit, *why in items:
            if age_ms is None and not why:
                why = ["unknown"]  # the sender did not know the time either
            reading = self._reading("%s/%s" % (talk.session.peer_name, name), str(unit))
            time = wall + (at_ms - now_ms) / 1000 if wall else at_ms
            quality = why[0] if why else "link"
            if now_ms - at_ms > _OLDEST_MS and not why:
                why = ["unknown"]
            item = [value, at_ms & CLOCK, unit] + why
            reading.count += 1
            made.append(
                (reading, item, Item(value, unit, time, quality, reading.count, int(missed)))
            )
        for reading, item, told in made:
            reading.last = item
            reading.at_ms = at_ms
            subscribers = self._node.topics.get(reading.name)
            if subscribers:
                put(self._node, subscribers, item)
            for taker in self.takers:
                self._give(taker, reading.name, told)
        ids = self._ids.setdefault(uid, [])
        ids.append(id)
        if len(ids) > _IDS:
            ids.pop(0)
        if len(self._ids) > _NODES:
            del self._ids[next(other for other in self._ids if other != uid)]

    def _reading(self, name: str, unit: str) -> _Delivered:
        readings = self._node.readings
        found = readings.get(name)
        if found is None:
            if len([r for r in readings.values() if isinstance(r, _Delivered)]) >= _NAMES:
                raise NotBegun("Busy", "%d names of readings were delivered here already" % _NAMES)
            found = _Delivered(self._node, check_name(name, "./"), _nothing, unit, 0, "")
            readings[name] = found
        if not isinstance(found, _Delivered):
            raise ValueError("%s is a reading of the receiver's own" % name)
        return found

    def _give(self, taker: "Callable[[str, Item], Any]", name: str, told: Item) -> None:
        """What it raises is the program's business, and no reason to deliver it again."""
        call(self._node, taker, (name, told), NONE, self._given, None)

    def _given(self, what: "Any", value: "Any", error: BaseException | None) -> None:
        if error is not None:
            self._node.report(error)


def _nothing() -> None:
    """What a delivered reading measures: it is told."""


def of(node: "Node") -> Deliveries:
    """The node's deliveries."""
    if node.deliveries is None:
        node.deliveries = Deliveries(node)
    return node.deliveries  # type: ignore[no-any-return]


def serve(
    talk: "Talk", ref: int, id: int, age_ms: "int | None", items: "list[Any]", missed: int = 0
) -> "int | bool":
    """Takes the readings of one waking of the peer, `age_ms` ago: [name, value, unit] and why there
    is no value. A record is taken once, whatever often it comes: by its random `id`. The answer is
    the time, in milliseconds since 1970 (UTC), or True where this node does not know it."""
    node = talk.node
    check_int("id", id, 0, CLOCK)
    check_int("missed", missed, 0, CLOCK)
    if age_ms is not None:
        check_int("age_ms", age_ms, 0, _OLDEST_AGE_MS)
    if not isinstance(items, list) or len(items) > _NAMES or len(encode(items)[1]) > _LONGEST:
        raise BadArguments(
            "items: a list of up to %d readings, in %d bytes at most" % (_NAMES, _LONGEST)
        )
    for item in items:
        texts = item[:1] + item[2:] if isinstance(item, list) and 3 <= len(item) <= 4 else [None]
        if [text for text in texts if not isinstance(text, str)]:
            raise BadArguments(
                "%r: a reading is name, value, unit, and why there is none" % (item,)
            )
        try:
            check_name(item[0], "./")
        except UsageError as error:
            raise BadArguments(str(error))
    of(node).take(talk, id, age_ms, items, missed)
    clock = node.time if sys.implementation.name != "micropython" else node._clock
    unix_ms = clock.unix_ms() if clock is not None else None
    return True if unix_ms is None else unix_ms
