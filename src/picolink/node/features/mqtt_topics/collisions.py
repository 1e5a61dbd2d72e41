"""Whether each topic of a node on a broker stands for one thing. A board loads this to start.

`status`, and all below `call`, `reply` and `_s`, are picolink's own. Filters with wildcards may
take in what the node itself publishes: that is for who wrote them to say.
"""

import sys

from ....core.errors import UsageError
from ....links.mqtt.address import matches

MYPY = False
if MYPY:
    from typing import Any

    from ...node import Node
    from .broker import Mqtt

_OWN = {
    "status": "where it says whether it is there",
    "call": "where commands are called",
    "reply": "where commands are answered",
    "_s": "where sessions are carried",
}


def check_prefix(prefix: str) -> None:
    """Raises UsageError where no node can publish below `prefix`."""
    if "+" in prefix or "#" in prefix or prefix[:1] == "$":
        raise UsageError(
            "the prefix %r: + and # stand for topics to subscribe to, and $ begins the broker's own"
            % prefix
        )


def check_mapped(broker: "Mqtt") -> None:
    """Raises UsageError where what was mapped to topics so far collides."""
    readings = [(topic, "the reading %r" % name) for topic, name, _, _ in broker._readings]
    _check_once(readings)
    filters = [topic for topic, _, _, _, _ in broker._commands]
    for topic, _, reply, _, _ in broker._commands:
        for wanted in filters:
            if reply and matches(wanted, reply):
                raise UsageError(
                    "the answer to %s would be published under %s, and run the command at %s: it "
                    "would go on for ever. Choose another topic for the reply"
                    % (topic, reply, wanted)
                )
        _check_command(topic, readings)
    for topic, what in readings + [(c[2], "the reply to " + c[0]) for c in broker._commands]:
        if topic[:5] == "$SYS/" or topic[:7] == "$share/":
            raise UsageError("%s would be published under %s: that is the broker's" % (what, topic))


def check(broker: "Mqtt", node: "Node") -> None:
    """Raises UsageError where topics of `node` collide with each other or with picolink's own."""
    base = broker.base
    if broker._prefix and node.name in _OWN:
        raise UsageError("a node on a broker can't be named %r: use another name" % node.name)
    published = []
    for name in node.readings:
        topic = base + "/" + name.replace(".", "/")
        published.append((topic, "the reading %r" % name))
        if broker.json:
            published.append((topic + "/json", "the JSON form of the reading %r" % name))
    published += [(topic, "the mapped reading %r" % name) for topic, name, _, _ in broker._readings]
    replies = [(c[2], "the reply to " + c[0]) for c in broker._commands if c[2]]
    for topic, what in published + replies:
        _check_own(base, topic, what, "be published under")
    _check_once(published)
    for topic, _, _, _, _ in broker._commands:
        _check_own(base, topic, "the mapped command", "be called under")
        _check_command(topic, published)
    if sys.implementation.name == "micropython":  # it has done its work: the memory is let go
        if sys.modules.pop(__name__, None):
            delattr(sys.modules[__name__.rpartition(".")[0]], "collisions")


def _check_own(base: str, topic: str, what: str, would: str) -> None:
    if topic[: len(base) + 1] == base + "/":
        rest = topic[len(base) + 1 :]
        first = rest.split("/")[0]
        if first in _OWN and (first != "status" or rest == first):
            raise UsageError(
                "%s would %s %s, %s: use another name" % (what, would, topic, _OWN[first])
            )


def _check_once(published: "list[tuple[str, str]]") -> None:
    seen: dict[str, str] = {}
    for topic, what in published:
        if topic in seen:
            raise UsageError(
                "%s and %s would both be published under %s: use another name for one"
                % (seen[topic], what, topic)
            )
        seen[topic] = what


def _check_command(topic: str, published: "list[tuple[str, Any]]") -> None:
    for other, what in published:
        if other == topic:
            raise UsageError(
                "%s would be published under %s, and run the command there: use another topic"
                % (what, topic)
            )
