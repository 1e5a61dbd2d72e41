"""Dials a node over a broker: `mqtt://HOST/PREFIX/NODE`. A computer does by this too (host.py)."""

from asyncio import Event, TimeoutError, wait_for
from os import urandom

from .address import Broker, node_of
from .client import Client
from .link import MqttLink

MYPY = False
if MYPY:
    from .packets import Message

_PATIENCE_S = 10  # for the broker to answer and the node to come to it


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> MqttLink:
    """Connects to the broker, and makes a link to the node of that name."""
    return await dial(scheme + ":" + where, _PATIENCE_S)


async def dial(address: str, timeout_s: float, once: bool = False) -> MqttLink:
    """The same. `once`: what fails is told at once, and not tried again until then."""
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
        there.set()

    heard = client.on(topic + "/out", lambda message: link.take(message.payload))
    client.on(base + "/status", status)

    async def reach() -> None:
        await client.connect(timeout_s, once)
        client.on_down = down
        await heard.agreed()
        await there.wait()

    try:
        await wait_for(reach(), timeout_s)
    except TimeoutError:
        client.stop()
        from .dialing import absent

        raise absent(client, base, seen[0], timeout_s) from None
    except BaseException:
        client.stop()
        raise
    return link
