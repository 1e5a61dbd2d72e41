"""MQTT: who waits is told, who leaves says so, what is over is let go of."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from brokers import Mosquitto, Program, Watcher
from forked_child import child

from picolink.core.errors import LinkError
from picolink.links.mqtt import Client
from picolink.links.mqtt.connection import Connection
from picolink.links.mqtt.link import MqttLink
from picolink.links.mqtt.listener import Listener
from picolink.links.mqtt.packets import Message
from picolink.links.mqtt.publisher import Publisher
from picolink.links.mqtt.subscriptions import Subscriptions
from picolink.links.mqtt.unacked import Publish, Unacked
from picolink.node.features.mqtt_topics.broker import Mqtt

CPYTHON_ONLY = "real brokers"

ENDS = """
import asyncio
from picolink import Node
node = Node("greenhouse")
async def main():
    await asyncio.sleep(1)
node.run(ADDRESS, main())
"""


def test_a_node_that_ends_by_itself_is_offline(tmp_path: Path) -> None:
    """The will is for who vanishes: a broker that was told goodbye keeps it to itself."""
    with (
        Mosquitto(tmp_path) as broker, Watcher(broker.port, "greenhouse/status") as others,
        Program([sys.executable], f"ADDRESS = {broker.address!r}\n{ENDS}", tmp_path),
    ):  # fmt: skip
        others.wait_for("greenhouse/status", "online")
        others.wait_for("greenhouse/status", "offline")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_a_forked_child_ends_nothing_at_the_broker(tmp_path: Path) -> None:
    downs: list[str] = []
    with Mosquitto(tmp_path) as broker:
        client = Client(broker.address)
        client.on_down = lambda: downs.append(client.why)
        await client.connect(5)

        def run() -> str:
            client.post("t", b"child", qos=1)
            client.stop()
            return "left"

        assert await asyncio.to_thread(child, run) == "left"
        for _ in range(5):
            await asyncio.wait_for(client.publish("t", b"parent", qos=1), 5)
        assert not downs
        await client.close()


async def test_who_waits_for_room_hears_that_the_client_was_closed() -> None:
    """No broker was ever there."""
    client = Client("mqtt://127.0.0.1:1", queue=1)
    client.start()
    client.post("t", b"x", qos=1)
    waiting = asyncio.create_task(client.publish("t", b"y", qos=1))
    await asyncio.sleep(0.1)
    await client.close()
    with pytest.raises(LinkError, match="closed"):
        await asyncio.wait_for(waiting, 2)


async def test_who_waits_to_publish_at_qos_0_goes_on_when_the_connection_is_lost() -> None:
    gone = asyncio.Event()

    async def serve(reader: Any, writer: Any) -> None:
        await reader.read(100)
        writer.write(b"\x20\x02\x00\x00")
        await gone.wait()  # and reads nothing
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1)
    port = server.sockets[0].getsockname()[1]
    client = Client(f"mqtt://127.0.0.1:{port}", queue_bytes=1 << 30)
    await client.connect()
    connection = client._connection
    assert connection is not None
    while not connection.busy():
        client.post("t", bytes(100_000))
    waiting = asyncio.create_task(client.publish("t", b"y"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    server.close()  # nobody is there to come back to
    gone.set()
    await asyncio.wait_for(waiting, 3)
    assert client.dropped
    await client.close()


def test_a_topic_that_is_wanted_no_more_is_not_heard() -> None:
    """Though another filter takes it in, or it is asked for again."""
    subscriptions = Subscriptions()
    subscriptions.add("a/b", print, 0, None)
    other = subscriptions.add("a/#", len, 0, None)
    assert subscriptions.remove("a/b")
    assert subscriptions.of("a/b") == [other]


class Silent:
    """Stands for a client."""

    why = "the broker is gone"

    def on(self, topic: str, function: Any) -> None:
        pass

    def post(self, topic: str, payload: bytes) -> None:
        pass


def dialed(listener: Listener, name: str) -> Any:
    listener._heard(Message(f"lab/x/_s/{name}/in", b"hello", 0, False, False))
    link = listener.accept()
    assert link is not None
    return link


def test_of_links_over_one_broker_the_ninth_ends_the_first() -> None:
    listener = Listener(Silent(), "lab/x", int)  # type: ignore[arg-type]
    links = [dialed(listener, f"{i}") for i in range(9)]
    assert [bool(link.why) for link in links] == [True] + [False] * 8
    assert len(listener._links) == 8


def test_a_broker_that_is_lost_ends_the_links_over_it(capsys: Any) -> None:
    mqtt = Mqtt("mqtt://127.0.0.1:1/lab")
    mqtt.client = Silent()  # type: ignore[assignment]
    mqtt._listener = Listener(mqtt.client, "lab/x", int)  # type: ignore[arg-type]
    link = dialed(mqtt._listener, "one")
    mqtt._down()
    assert link.why == Silent.why


def test_what_came_before_the_other_end_was_closed_is_taken() -> None:
    """Such as the answer of who leaves then: else it would be unknown whether it was done."""
    link = MqttLink(Silent(), "mqtt:x", "lab/x/_s/1/in", int)  # type: ignore[arg-type]
    link.take(b"the answer")
    link.take(b"")
    assert link.receive() == [b"the answer"]
    with pytest.raises(LinkError, match="the other end was closed"):
        link.receive()


def test_a_message_that_is_dropped_before_its_turn_has_no_other_sent_twice() -> None:
    unacked = Unacked(4, 8, 1000)
    one, two = Publish(b"\x32one", 1), Publish(b"\x32two", 2)
    for publish in (one, two):
        unacked.add(publish)
        assert unacked.next() == (publish, publish.packet)
    unacked.reconnected()
    assert unacked.next() == (one, b"\x3aone")
    unacked.drop(two)  # it can't be read any more
    assert unacked.next() is None


class Deaf:
    """A wire that takes nothing."""

    more = False

    def watch(self, callback: Any) -> None:
        pass

    def on_writable(self, callback: Any) -> None:
        pass

    def write(self, data: bytes) -> int:
        return 0


def test_what_a_broker_does_not_read_takes_no_more_memory_than_was_said() -> None:
    connection = Connection(Deaf(), 1000, 0, print, int)
    publisher = Publisher(4, 8, 1000)
    publisher.connected(connection)
    for _ in range(50):
        publisher.post("t", bytes(100))
    assert 900 < connection.unsent_bytes < 1100 and publisher.dropped > 35


class Hungry(Deaf):
    """One that takes all."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.writes.append(bytes(data))
        return len(data)


@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_goes_in_one_write(qos: int) -> None:
    """A second would be one more segment, that waits for an acknowledgement of the first."""
    wire = Hungry()
    publisher = Publisher(4, 8, 1000)
    publisher.connected(Connection(wire, 1000, 0, print, int))
    publisher.post("t", b"payload", qos)
    (packet,) = wire.writes
    assert packet.endswith(b"payload")


def test_what_was_offered_to_tls_stays_as_it_is() -> None:
    """OpenSSL refuses another buffer at the second try; what comes later may be joined."""
    connection = Connection(Deaf(), 1000, 0, print, int)
    for data in (b"one", b"two", b"three"):
        connection.send(data)
    assert connection._unsent == [b"one", b"twothree"] and connection.unsent_bytes == 11


def test_a_request_that_a_lost_connection_did_not_answer_is_forgotten() -> None:
    subscriptions = Subscriptions()
    subscriptions.add("a/b", print, 0, None)
    for packet_id in range(1, 4):
        assert len(subscriptions.requests(lambda number=packet_id: number)) == 1  # type: ignore[misc]
        subscriptions.reconnected(False)
    assert not subscriptions._asked
    with pytest.raises(ValueError, match="not asked for"):
        subscriptions.answered(1, b"\x00")
