"""Serves a node on an MQTT broker: `node.run("mqtt://HOST/PREFIX")`, or with topics of one's own

    broker = Mqtt("mqtt://HOST/lab42")
    broker.command("lab42/onboard_led", "led_set")
    broker.reading("lab42/onboard_temp", "temperature", format="%.1f")
    node.run(broker)

Under <prefix>/<node> stand `status` (online, offline; retained), each reading under its name, and
`call/<command>`, answered under `reply/<command>`. docs/mqtt.md tells the rest.
"""

from ....core.errors import Busy, UsageError
from ....links.mqtt.address import Broker, check_filter, check_topic
from ....links.mqtt.client import Client
from ....links.mqtt.listener import Listener
from ..plain_payload import find
from .commands import Calls, mapped
from .readings import Feed

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ....links.mqtt.link import MqttLink
    from ....links.mqtt.packets import Message
    from ...node import Node

_NO = ("no", "0", "false")


class Mqtt:
    """A broker that a node is served on. Several addresses: the first that answers.

    `home_assistant`: it is told what the node offers (native/discovery.py). `qos` of readings and
    replies. `json`: readings besides as `<reading>/json`, with unit, time and
    a number that tells repeats. `queue`, `queue_bytes`: of the latest readings and replies so many
    wait while there is no broker. The rest is for `picolink.links.mqtt.Client`.
    """

    pollable = None

    _rest: "Callable[[], object]" = int  # called once something has ended, as a dialing

    def __init__(
        self, *addresses: str, qos: int = 1, json: bool = False, ca: "str | bytes | None" = None,
        user: "str | None" = None, password: "str | None" = None, keepalive_s: int = 30,
        home_assistant: bool = False, queue: int = 64, queue_bytes: int = 32768,
    ) -> None:  # fmt: skip
        if not addresses:
            raise UsageError("Mqtt() needs the address of a broker: mqtt://HOST/PREFIX")
        broker = Broker(addresses[0])
        options = broker.options
        self.qos = int(options.get("qos") or qos)
        self.json = options["json"] not in _NO if "json" in options else json
        self._finds = home_assistant or options.get("home_assistant", "no") not in _NO
        self._discovery: Any = None
        self.address = str(broker)
        self.dropped = 0  # readings and replies that no connection and no queue took
        self.client: Client | None = None  # once the node runs
        self._prefix = ""
        if broker.prefix:
            from .collisions import check_prefix

            check_prefix(broker.prefix)
            self._prefix = broker.prefix + "/"
        self._addresses = addresses
        self._settings: dict[str, Any] = {
            "ca": ca, "user": user, "password": password, "keepalive_s": keepalive_s,
            "queue": queue, "queue_bytes": queue_bytes,
        }  # fmt: skip
        self._commands: list[tuple[str, Any, str, int, bool]] = []
        self._readings: list[tuple[str, str, str, bool]] = []
        self.state = "not connected yet"  # or "connected", or why not
        self._listener: Listener | None = None
        self.base = ""  # <prefix>/<node>, once the node runs
        self.on_ready: Callable[[], object] = int  # somebody has dialed

    def command(
        self, topic: str, command: "Any", reply: str = "", qos: int = 1, retained: bool = False
    ) -> None:
        """What is published under `topic` runs a command (its name, or a function) with the bare
        payload as its argument. Its result goes to the topic `reply`. A retained message is
        ignored unless `retained`, since it would run again at each reconnect."""
        check_filter(topic)
        if reply:
            check_topic(reply)
        self._commands.append((topic, command, reply, qos, retained))
        self._check()

    def reading(self, topic: str, name: str, format: str = "", retain: bool = False) -> None:
        """Publishes a reading under `topic` too, as `format` ("%.1f") has it."""
        check_topic(topic)
        self._readings.append((topic, name, format, retain))
        self._check()

    def _check(self) -> None:
        from .collisions import check_mapped

        check_mapped(self)

    # What a node does with it

    def open(self, node: "Node") -> None:
        """Begins to connect, for `node`, and goes on in the background for ever."""
        self.client = client = self.client_of(node)
        base = self.base
        client.on_up = self._up
        self._rest = node.forget
        client.on_down = client.on_fail = self._down
        self._listener = Listener(client, base, lambda: self.on_ready())
        calls = Calls(node, self.post, base)
        client.on(base + "/status", self._told)
        client.on(base + "/call/#", calls.heard, qos=1, pieces=calls.too_large)
        for topic, command, reply, qos, retained in self._commands:
            client.on(topic, mapped(node, find(node, command), self.post, reply, retained), qos)
        for name, reading in node.readings.items():
            topic = base + "/" + name.replace(".", "/")
            feed = Feed(self, reading, topic, "", False, topic + "/json" if self.json else "")
            node.topics.setdefault(name, []).append(feed)  # type: ignore[arg-type]
            reading.start()
        for topic, name, format, retain in self._readings:
            if name not in node.readings:
                raise UsageError("%s: there is no reading %r" % (topic, name))
            feed = Feed(self, node.readings[name], topic, format, retain, "")
            node.topics.setdefault(name, []).append(feed)  # type: ignore[arg-type]
        if self._finds:
            from .home_assistant import PREFIX, Discovery

            self._discovery = Discovery(self, node)
            client.on(PREFIX + "/status", self._discovery.heard)
        client.start()

    def client_of(self, node: "Node") -> Client:
        """The client that it has for `node`, with a name and a will."""
        from .collisions import check

        self.base = self._prefix + node.name
        check(self, node)
        return Client(
            *self._addresses,
            client_id="pl-" + "".join(["%02x" % byte for byte in node.endpoint.uid])[-20:],
            will=(self.base + "/status", "offline", 1, True),
            **self._settings,
        )

    def post(self, topic: str, payload: "Any", retain: bool = False) -> None:
        """Publishes. Where there is no room the oldest goes that was never sent; it is counted."""
        client = self.client
        while client is not None and not client.publisher.closed:
            try:
                before = client.dropped
                client.post(topic, payload, self.qos, retain)
                self.dropped += client.dropped - before
                return
            except Busy:
                self.dropped += 1
                if not client.publisher.unacked.drop_oldest():
                    return

    def _up(self) -> None:
        assert self.client is not None
        self._say("connected")
        self.client.post(self.base + "/status", "online", 0, True)
        if self._discovery is not None:
            self._discovery.announce()
        self._rest()

    def _told(self, message: "Message") -> None:
        """What is said of our name: where another of it has gone, its will says so of us too."""
        assert self.client is not None
        if message.payload != b"online" and not self.client.publisher.closed:
            self.client.post(self.base + "/status", "online", 0, True)

    def _down(self) -> None:
        assert self.client is not None and self._listener is not None
        self._say(self.client.why)
        self._listener.lost(self.client.why)
        self._rest()

    def _say(self, what: str) -> None:
        if what != self.state:
            self.state = what
            print("%s: %s" % (self.address, what))

    def watch(self, node: "Any", callback: "Callable[[], None]") -> "Any":
        """Has `callback` called when somebody dials."""
        return node.host.watch(self, callback)

    def accept(self) -> "MqttLink | None":
        """The link of whoever has dialed, or None."""
        return self._listener.accept() if self._listener is not None else None

    def close(self) -> None:
        """Says that the node is gone, and disconnects."""
        if self.client is not None:
            if self.client.connected:
                self.client.post(self.base + "/status", "offline", 0, True)
            self.client.stop()
