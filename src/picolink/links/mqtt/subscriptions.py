"""What a client is subscribed to."""

from asyncio import Event

from .address import check_filter, matches
from .packets import Message, Piece, subscribe

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_REFUSED = 0x80
_AT_ONCE = 8  # topics in one packet


class Subscription:
    """One topic filter. `granted`: the QoS that the broker has agreed to; None while it has not,
    0x80 where it refuses."""

    def __init__(
        self, topic: str, function: "Callable[[Message], Any]", qos: int,
        pieces: "Callable[[Piece], Any] | None",
    ) -> None:  # fmt: skip
        self.topic = topic
        self.function = function
        self.qos = qos
        self.pieces = pieces
        self.granted: int | None = None
        self.asked = False  # on this connection
        self._event: Event | None = None

    async def agreed(self) -> None:
        """Waits for the broker's answer; Refused where it refuses."""
        while self.granted is None:
            if self._event is None:
                self._event = Event()
            await self._event.wait()
        if self.granted == _REFUSED:
            from ...core.errors import Refused

            raise Refused(
                "the broker does not let us subscribe to %s: are we allowed to read that topic?"
                % self.topic
            )

    def settle(self, code: int) -> None:
        """The broker has answered."""
        self.granted = code
        if self._event is not None:
            self._event.set()
        elif code == _REFUSED:
            print("mqtt: the broker does not let us subscribe to %s" % self.topic)


class Subscriptions:
    """All of a client."""

    def __init__(self) -> None:
        self.all: list[Subscription] = []
        self._exact: dict[str, list[Subscription]] = {}
        self._wild: list[Subscription] = []
        self._asked: dict[int, list[Subscription]] = {}  # packet id -> those that it asked for

    def add(self, topic: str, function: "Any", qos: int, pieces: "Any") -> Subscription:
        """Notes one; the broker is still to be asked."""
        check_filter(topic)
        subscription = Subscription(topic, function, qos, pieces)
        self.all.append(subscription)
        if "+" in topic or "#" in topic:
            self._wild.append(subscription)
        else:
            self._exact.setdefault(topic, []).append(subscription)
        return subscription

    def remove(self, topic: str) -> bool:
        """Forgets those of a filter; whether there were any."""
        n = len(self.all)
        self.all = [s for s in self.all if s.topic != topic]
        self._wild = [s for s in self._wild if s.topic != topic]
        self._exact.pop(topic, None)
        return len(self.all) < n

    def of(self, topic: str) -> "list[Subscription]":
        """Whose filters take in `topic`."""
        found = self._exact.get(topic) or []
        if self._wild:
            found = found + [s for s in self._wild if matches(s.topic, topic)]
        return found

    def requests(self, next_id: "Callable[[], int]") -> "list[bytes]":
        """Packets that ask for those that the broker was not asked for."""
        wanted = [s for s in self.all if not s.asked]
        result = []
        while wanted:
            packet_id = next_id()
            some = wanted[:_AT_ONCE]
            wanted = wanted[_AT_ONCE:]
            for subscription in some:
                subscription.asked = True
            self._asked[packet_id] = some
            result.append(subscribe(packet_id, [(s.topic, s.qos) for s in some]))
        return result

    def answered(self, packet_id: int, codes: bytes) -> None:
        """The broker has answered a request, topic by topic; ValueError where it has not."""
        asked = self._asked.pop(packet_id, None)
        if asked is None or len(asked) != len(codes):
            raise ValueError("an answer to a subscription that was not asked for so")
        for subscription, code in zip(asked, codes):
            subscription.settle(code)

    def reconnected(self, present: bool) -> None:
        """A broker has taken us, which knows ours (`present`) as far as it has answered, or
        none."""
        self._asked.clear()
        for subscription in self.all:
            if not present or subscription.granted is None:
                subscription.granted = None
                subscription.asked = False
