"""Dials a node over a broker, on MicroPython: `mqtt://HOST/PREFIX/NODE`."""

from asyncio import Event, TimeoutError, wait_for
from os import urandom

from ...core.errors import CannotConnect
from .address import Broker, node_of
from .client import Client
from .link import MqttLink

MYPY = False
if MYPY:
    from .packets import Message

_ONLINE_S = 10  # for the node to come to the broker


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> MqttLink:
    """Connects to the broker, and makes a link to the node of that name."""
    address = scheme + ":" + where
    broker = Broker(address)
    base = node_of(broker)
    name = "".join(["%02x" % x for x in urandom(5)])
    topic = "%s/_s/%s" % (base, name)
    client = Client(address, client_id="pl-" + name, will=(topic + "/in", b"", 0, False))

    def stop() -> None:
        client.stop()

    link = MqttLink(client, str(broker), topic + "/in", stop)

    there = Event()
    seen = [b""]

    def status(message: "Message") -> None:
        seen[0] = message.payload
        if not there.is_set():
            if message.payload == b"online":
                there.set()
        elif message.payload != b"online":
            link.end("%s has gone, says the broker" % base)
        elif not message.retain:
            link.end("%s has come to the broker anew" % base)

    def down() -> None:
        link.end(client.why)

    await client.connect()
    client.on_down = down
    try:
        await client.subscribe(topic + "/out", lambda message: link.take(message.payload))
        client.on(base + "/status", status)
        await wait_for(there.wait(), _ONLINE_S)
    except TimeoutError:
        link.close()
        raise CannotConnect(
            "%s: the broker is there; the node is not%s"
            % (broker, "" if seen[0] else ", and never was: is prefix and name right?")
        ) from None
    except BaseException:
        link.close()
        raise
    return link
