"""Delivers to a broker: each reading under its topic at QoS 1, whose PUBACK is the acknowledgement.

Under `status` stands `asleep` once all was delivered. What was kept comes first, in order; the JSON
form (`json=True`) tells its time, and an id that is the same when a record comes twice.
"""

import asyncio
import json

from ....core.failure import LinkError
from ..plain_payload import as_text

MYPY = False
if MYPY:
    from typing import Any

    from ....links.mqtt.client import Client
    from ....net.clock import Clock
    from ...node import Node
    from ..mqtt_topics.broker import Mqtt
    from .spool import Record


_GOODBYE_S = 1


class ToBroker:
    """Whoever listens at a broker."""

    def __init__(self, node: "Node", broker: "Mqtt") -> None:
        self._node = node
        self._broker = broker
        self._client: Client | None = None

    async def send(
        self, record: "Record", age_ms: "int | None", clock: "Clock", deadline_ms: int
    ) -> None:
        """Returns when the broker has all of it; a PicolinkError where it does not say so in
        time."""
        client = await self._connected(clock, deadline_ms)
        base = self._broker.base
        unix_ms = clock.unix_ms()
        time_ms = record[1] if age_ms is None or unix_ms is None else unix_ms - age_ms
        published = []
        for name, value, unit, *why in record[3]:
            topic = base + "/" + name.replace(".", "/")
            if value is not None:
                published.append((topic, as_text(value)))
            if self._broker.json:
                told = {"value": value, "unit": unit, "id": record[0]}
                if why:
                    told["why"] = why[0]
                if time_ms is not None:
                    told["time"] = time_ms  # ms since 1970, UTC
                published.append((topic + "/json", json.dumps(told)))
        for topic, payload in published:
            left_s = (deadline_ms - self._node.now_ms()) / 1000
            try:
                # Kept by the broker for who comes while the board sleeps.
                await asyncio.wait_for(client.publish(topic, payload, 1, True), max(left_s, 0.001))
            except asyncio.TimeoutError:
                raise LinkError("the broker did not confirm it in time: %s" % client.why) from None

    async def _connected(self, clock: "Clock", deadline_ms: int) -> "Client":
        client = self._client
        if client is None:
            client = self._broker.client_of(self._node)
            client.will = None  # it is away most of the time
            wifi = self._node.wifi
            if wifi is not None and wifi.networks:
                await self._until(wifi.joined, deadline_ms, "there is no Wi-Fi yet: ", wifi)
            if client.brokers[0].tls:
                known = asyncio.Event()
                clock.when_known(known.set)
                await self._until(known, deadline_ms, "no certificate can be checked: ", clock)
            left_s = (deadline_ms - self._node.now_ms()) / 1000
            await client.connect(max(left_s, 0.001))
            self._client = client  # from now on it connects again by itself
        return client

    async def _until(
        self, event: "asyncio.Event", deadline_ms: int, what: str, whose: "Any"
    ) -> None:
        left_s = (deadline_ms - self._node.now_ms()) / 1000
        try:
            await asyncio.wait_for(event.wait(), max(left_s, 0.001))
        except asyncio.TimeoutError:
            why = whose.why if hasattr(whose, "why") else whose.explain()
            raise LinkError(what + (why or "nobody told the time")) from None

    async def close(self) -> None:
        """Says that the node sleeps, where the broker is there, and disconnects."""
        client = self._client
        if client is not None:
            if client.connected:
                said = client.publish(self._broker.base + "/status", "asleep", 1, True)
                try:
                    await asyncio.wait_for(said, _GOODBYE_S)
                except asyncio.TimeoutError:
                    pass
            await client.close()
