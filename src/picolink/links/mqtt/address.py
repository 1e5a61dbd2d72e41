"""`mqtt://USER:PASSWORD@HOST:PORT/PREFIX?OPTION=VALUE`, and what topics may be."""

import sys

from ...core.errors import UsageError

MYPY = False
if MYPY:
    from typing import Any


class Broker:
    """Where a broker is, and who we are there."""

    def __init__(self, address: str) -> None:
        scheme, _, rest = address.partition(":")
        if scheme not in ("mqtt", "mqtts"):
            raise _bad("scheme", scheme)
        rest = rest.lstrip("/")
        head = rest.partition("?")[0].partition("/")[0]
        if ":" in head and "@" in rest[len(head) :]:  # which may be a password's: nothing is shown
            raise _bad("@", scheme)
        rest, _, tail = rest.partition("?")
        self.tls = scheme == "mqtts"
        if sys.implementation.name == "micropython":
            from ..tls_room import keep

            keep(scheme)
        where, _, prefix = rest.partition("/")
        self.prefix = prefix.strip("/").replace("%40", "@")
        login, at, where = where.rpartition("@")
        user, colon, password = login.partition(":")
        self.user: str | None = _plain(user) if at else None
        self.password: str | None = _plain(password) if colon else None
        host, _, port = where.rpartition(":")
        if not _ or "]" in port:
            host, port = where, ""
        self.host = host.strip("[]")
        if not self.host or (":" in host and host[0] != "["):  # the @ behind a password forgotten?
            raise _bad("host", scheme)
        try:
            self.port = int(port or (8883 if self.tls else 1883))
        except ValueError:
            self.port = 0
        if not 0 < self.port < 65536:  # it may be a password: it is not shown
            raise _bad("port", scheme)
        self.options: dict[str, str] = {}
        if tail:  # now that none of it can be a password's
            from ..options import parsed

            for name, value in parsed(scheme, tail).items():
                self.options[name] = _plain(value)

    def __str__(self) -> str:
        """The address without user and password."""
        scheme = "mqtts" if self.tls else "mqtt"
        return "%s://%s:%d/%s" % (scheme, self.host, self.port, self.prefix)


def node_of(broker: Broker) -> str:
    """The topic of the node that an address names."""
    if not broker.prefix or "+" in broker.prefix or "#" in broker.prefix:
        raise _bad("node", broker)
    return broker.prefix


def _plain(text: str) -> str:
    """`text` without its %XX."""
    first, *others = text.split("%")
    data = first.encode()
    try:
        for part in others:
            data += bytes((int(part[:2], 16),)) + part[2:].encode()
        return str(data, "utf-8")
    except ValueError:
        pass  # which would show what may be a password
    raise _bad("%", "")


def _bad(kind: str, what: "Any") -> Exception:
    from .dialing import bad_address

    return bad_address(kind, what)


def check_topic(topic: "Any") -> bytes:
    """A topic to publish to, as bytes; UsageError where it is none."""
    if not isinstance(topic, str) or not topic:
        raise UsageError("%r is no topic: it is text, as in house/lamp" % (topic,))
    if "+" in topic or "#" in topic:
        raise UsageError("%s: + and # stand for topics to subscribe to, none to publish to" % topic)
    return _encoded(topic)


def check_filter(topic: "Any") -> None:
    """Raises UsageError where `topic` can't be subscribed to."""
    if not isinstance(topic, str) or not topic:
        raise UsageError("%r is no topic: it is text, as in house/+/state" % (topic,))
    levels = topic.split("/")
    for level in levels:
        if len(level) > 1 and ("+" in level or "#" in level):
            raise UsageError("%s: + and # stand alone between slashes" % topic)
    if "#" in levels[:-1]:
        raise UsageError("%s: # stands at the end" % topic)
    _encoded(topic)


def _encoded(topic: str) -> bytes:
    data = topic.encode()
    if len(data) > 65535 or b"\x00" in data:
        raise UsageError("a topic of %d bytes, or with a NUL: MQTT takes none" % len(data))
    return data


def matches(wanted: str, topic: str) -> bool:
    """Whether the filter `wanted` takes in `topic`."""
    if topic[0] == "$" and wanted[0] in "+#":
        return False
    levels = wanted.split("/")
    given = topic.split("/")
    if levels[-1] == "#":
        levels.pop()
        if len(given) < len(levels):
            return False
        given = given[: len(levels)]
    elif len(levels) != len(given):
        return False
    for level, name in zip(levels, given):
        if level != name and level != "+":
            return False
    return True
