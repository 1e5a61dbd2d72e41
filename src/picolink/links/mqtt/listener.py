"""Whoever dials a node over the broker gets a link of its own."""

from .link import MqttLink

MYPY = False
if MYPY:
    from collections.abc import Callable

    from .client import Client
    from .packets import Message

_MOST = 8  # links at once: the one that was dialed first goes


class Listener:
    """All of a node on one broker."""

    def __init__(self, client: "Client", base: str, on_ready: "Callable[[], object]") -> None:
        self._client = client
        self._base = base + "/_s/"
        self._on_ready = on_ready
        self._links: dict[str, MqttLink] = {}
        self._order: list[str] = []
        self._new: list[MqttLink] = []
        client.on(self._base + "+/in", self._heard)

    def _heard(self, message: "Message") -> None:
        name = message.topic[len(self._base) : -3]
        link = self._links.get(name)
        if link is None:
            if not message.payload or message.retain:
                return
            if len(self._order) >= _MOST:
                self._links[self._order[0]].end("%d others have dialed since" % _MOST)
                self._forget(self._order[0])
            topic = self._base + name
            link = MqttLink(
                self._client, "mqtt:" + topic, topic + "/out", lambda: self._forget(name)
            )
            self._links[name] = link
            self._order.append(name)
            self._new.append(link)
            link.take(message.payload)
            self._on_ready()
        else:
            link.take(message.payload)

    def _forget(self, name: str) -> None:
        if self._links.pop(name, None) is not None:
            self._order.remove(name)

    def accept(self) -> "MqttLink | None":
        """The next link that was dialed."""
        return self._new.pop(0) if self._new else None

    def lost(self, why: str) -> None:
        """The broker is away, and so is everybody."""
        for link in list(self._links.values()):
            link.end(why)
