"""A reading on its way to a topic: one of its subscribers (node/outgoing.py)."""

import time

from ....core.values import decode, encode
from ..plain_payload import as_text

MYPY = False
if MYPY:
    from typing import Any

    from ...readings import Reading
    from .broker import Mqtt

_EARLIEST_S = 1_700_000_000  # a clock that tells less was never set
_IDS = 0x3FFFFFFF


class Feed:
    """Publishes each value as it is taken."""

    queue = ()  # nothing waits here: the client has a queue of its own
    limit = 1
    attach = None  # of its session, which it is itself: there is none to be woken

    def __init__(
        self, broker: "Mqtt", reading: "Reading", topic: str, format: str, retain: bool,
        json_topic: str,
    ) -> None:  # fmt: skip
        self.session = self
        self.label = topic  # where it is said what it did not take
        self.told: tuple[str, ...] = ()  # kinds of errors that were
        self._node = reading.node
        self._broker = broker
        self._unit = reading.unit
        self._topic = topic
        self._format = format
        self._retain = retain
        self._json_topic = json_topic
        self._id = 0

    def put(self, item: "tuple[int, bytes]") -> None:
        """Publishes an item: [value, clock, unit, why there is no value]."""
        what: list[Any] = decode(*item)
        for publish in (self._put_bare, self._put_json):
            try:
                publish(what)
            except Exception as error:
                from ...traceback import tell_once

                tell_once(self._node, self, error)

    def _put_bare(self, what: "list[Any]") -> None:
        value = what[0]
        if value is not None:
            text = self._format % value if self._format else as_text(value)
            self._broker.post(self._topic, text, self._retain)

    def _put_json(self, what: "list[Any]") -> None:
        if not self._json_topic:
            return
        self._id = self._id % _IDS + 1
        told = {"value": what[0], "unit": self._unit, "id": self._id}
        if len(what) > 3:
            told["why"] = what[3]
        now_s = time.time()
        if now_s > _EARLIEST_S:
            told["time"] = int(now_s * 1000)  # ms since 1970, UTC
        flag, text = encode(told)
        if flag:
            told["value"] = None
            told["why"] = "bytes have no JSON form"
            text = encode(told)[1]
        self._broker.post(self._json_topic, text)

    def full(self) -> bool:
        """It never is."""
        return False
