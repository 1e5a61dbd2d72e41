"""Readings: values with a unit, taken while somebody wants them."""

from ..core.packets import CLOCK
from .invoke import NONE, call, passes
from .publishing import put

_WHY = 200  # characters of the reason why there is no value

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from .node import Node


class Reading:
    """A reading as it was declared."""

    def __init__(
        self, node: "Node", name: str, function: "Callable[[], Any]", unit: str,
        every_ms: int, help: str,
    ) -> None:  # fmt: skip
        self.node = node
        self.name = name
        self.function = function
        self.unit = unit
        self.every_ms = every_ms
        self.help = help
        self.due_ms = 0
        self.busy = False
        self._told = ""  # the kind of error that was reported last

    def item(self, value: "Any") -> "list[Any]":
        """What is sent of a value: [value, clock, unit], and why it is null where it is."""
        clock = self.node.now_ms() & CLOCK
        if isinstance(value, float) and value - value != 0:
            return [None, clock, self.unit, str(value)]
        return [value, clock, self.unit]

    def start(self) -> None:
        """Somebody has subscribed: the first value comes at once."""
        self.due_ms = self.node.now_ms()
        self.node.host.call_by(self.due_ms)

    def tick(self, now_ms: int) -> int | None:
        """Takes a value where it is due; returns when the next one is."""
        subscribers = self.node.topics.get(self.name)
        if not subscribers:
            return None
        if now_ms >= self.due_ms:
            self.due_ms = max(self.due_ms + self.every_ms, now_ms + 1)
            if not self.busy:
                self.busy = True
                call(self.node, self.function, (), NONE, self._publish, None)
        return self.due_ms

    def _publish(self, what: "Any", value: "Any", error: BaseException | None) -> None:
        """Sends what was measured to whoever subscribed."""
        self.busy = False
        subscribers = self.node.topics.get(self.name) or []
        if error is None:
            try:
                put(self.node, subscribers, self.item(value))
                self._told = ""
                return
            except BaseException as problem:
                if passes(problem):
                    raise
                error = problem  # it is no value that can be sent
        from .traceback import kind_of

        kind = kind_of(error)
        if kind != self._told:  # once, until it works again
            self._told = kind
            self.node.report(error)
        put(self.node, subscribers, self._failed(error))

    def _failed(self, error: BaseException) -> "list[Any]":
        """What is sent where the sensor failed: it may work again the next time."""
        from .traceback import kind_of, message_of

        why = "%s: %s" % (kind_of(error), message_of(error)[:_WHY])
        return [None, self.node.now_ms() & CLOCK, self.unit, why]


def declare(
    node: "Node", name: str, function: "Any", unit: str, every_s: float, help: str
) -> "Any":
    """Makes `function` the reading `name`."""
    reading = Reading(node, name, function, unit, max(1, int(every_s * 1000)), help)
    node.readings[name] = reading
    node.on_tick.append(reading.tick)
    return function
