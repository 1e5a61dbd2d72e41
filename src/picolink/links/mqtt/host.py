"""Dials a node over a broker, on CPython, with aiomqtt: `mqtt://USER@HOST/PREFIX/NODE`.

aiomqtt wants an event loop: that of links/host/background.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from ...core.errors import CannotConnect, PicolinkError, Refused
from ..host.background import NodeSide
from .address import Broker, node_of
from .dialing import NO_BROKER

if TYPE_CHECKING:
    import aiomqtt

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "mqtt": (
        "mqtt://USER:PASSWORD@HOST:PORT/PREFIX/NODE; for node.run: mqtt://HOST/PREFIX",
        "a broker, which passes on what both sides publish; needs aiomqtt",
        {"qos": "for node.run: of readings and replies, 1 if left out",
         "home_assistant": "for node.run: yes: Home Assistant is told what there is",
         "json": "for node.run: yes: readings besides with unit, time and number"},
    ),
    "mqtts": (
        "mqtts://USER:PASSWORD@HOST:PORT/PREFIX/NODE",
        "the same with TLS",
        {"ca": "file with the certificate of the CA, PEM or DER; the system's CAs if left out",
         "verify": "no: trusts whoever answers"},
    ),
}  # fmt: skip

MTU_BYTES = 8192
_KEEPALIVE_S = 20
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux has it
_LOGGER = logging.getLogger("picolink.mqtt")
_LOGGER.addHandler(logging.NullHandler())  # else paho's words go to stderr of whoever logs nothing
#: Verdicts on the client id, the user and the password: of MQTT 5, and of 3.1.1.
_REFUSALS = (133, 134, 135)
_OLD_REFUSALS = (2, 4, 5)


class HostLink(NodeSide):
    """A link to a node on the broker."""

    stream = False
    reliable = False
    window_bytes = 0
    mtu_bytes = takes_bytes = MTU_BYTES

    def __init__(self, broker: Broker) -> None:
        super().__init__(str(broker))
        self.reached = False  # the broker
        self.offline = False  # the node, says the broker
        self._socket: Any = None
        self._broker = broker
        self._base = node_of(broker)
        self._topic = f"{self._base}/_s/{os.urandom(5).hex()}"
        self._task = asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    def absent(self, waited_s: float) -> str:
        """Why it could not be opened in that time; closes it."""
        self.close()
        if not self.reached:
            return f"{self.address} did not answer as a broker in {waited_s:g} s: {NO_BROKER}"
        if self.offline:
            return f"{self.address}: the broker is there; the node is not, says its last status"
        return (
            f"{self.address}: the broker is there, and nobody called {self._base} has ever been: "
            "is prefix and name right, and the same broker in its node.run(...)?"
        )

    # The thread of aiomqtt

    async def _run(self) -> None:
        import aiomqtt

        broker = self._broker
        try:
            async with aiomqtt.Client(
                broker.host,
                broker.port,
                username=broker.user,
                password=broker.password,
                identifier="pl-" + self._topic.rpartition("/")[2],
                will=aiomqtt.Will(self._topic + "/in", b""),
                keepalive=_KEEPALIVE_S,
                logger=_LOGGER,
                tls_context=_tls(broker),
                # Else the second of two packets waits 40 ms for the first one's acknowledgement.
                socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            ) as client:
                await client.subscribe([(self._topic + "/out", 0), (self._base + "/status", 0)])
                self._socket = client._client.socket()  # aiomqtt has no name for it
                self.reached = True
                halves = [
                    asyncio.create_task(half(client)) for half in (self._send_all, self._take_all)
                ]
                try:
                    done, _ = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
                    for half in done:
                        half.result()
                finally:
                    for half in halves:
                        half.cancel()
        except Exception as error:  # of aiomqtt, paho, ssl, socket
            why = _reason(error, broker)
            if not self.opened.done():
                self.opened.set_exception(why)
            self._end(str(why))

    async def _take_all(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if not self._take(message):
                return

    def _take(self, message: aiomqtt.Message) -> bool:
        """Takes what has come; False where that ends the link."""
        payload = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
        if str(message.topic).endswith("/status"):
            if not self.opened.done():
                self.offline = payload != b"online"
                if not self.offline:
                    self.opened.set_result(None)
            elif payload != b"online":
                self._end(f"{self._base} has gone, says the broker")
            elif not message.retain:
                self._end(f"{self._base} has come to the broker anew")
        elif payload:
            self._packets.append(payload)
            self._acknowledge()
            self.on_ready()
        else:
            self._end("the other end was closed")
        return not self._why

    def _acknowledge(self) -> None:
        """Has our system acknowledge at once what has come, which it forgets each time: a broker's
        may hold the next packet back until then (Nagle's algorithm), for 40 ms."""
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):  # it is closed
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    async def _send_all(self, client: aiomqtt.Client) -> None:
        topic = self._topic + "/in"
        while True:
            packet = await self._out.get()
            await client.publish(topic, packet or b"")
            if packet is None:
                return


def _tls(broker: Broker) -> Any:
    if not broker.tls:
        return None
    from .sockets_host import context_for
    from .tls import security_of

    return context_for(security_of(broker))


def _is_refusal(error: BaseException) -> bool:
    """Whether an error of aiomqtt tells that the broker does not want us."""
    from aiomqtt.exceptions import MqttCodeError, MqttConnectError

    if not isinstance(error, MqttCodeError):
        return False
    if isinstance(error.rc, int):  # else of paho's own, where numbers mean other things
        return isinstance(error, MqttConnectError) and error.rc in _OLD_REFUSALS
    return error.rc is not None and error.rc.value in _REFUSALS


def _reason(error: Exception, broker: Broker) -> PicolinkError:
    """Why there is no connection, in words."""
    if isinstance(error, PicolinkError):
        return error
    inner = error.__cause__ or error
    text = str(error) if str(error) else str(inner)
    if _is_refusal(error) or _is_refusal(inner):
        return Refused(f"the broker {broker} refuses us: {text}: is the user and password right?")
    if broker.tls:
        from .tls import explain

        why = explain(inner, broker.host) or explain(error, broker.host)
        if why:
            return CannotConnect(why)
    return CannotConnect(f"no connection to {broker}: {text}: is it running, the address right?")


def open_link(scheme: str, where: str, options: dict[str, str], timeout_s: float = 10) -> HostLink:
    """Connects to the broker, and makes a link to the node of that name."""
    try:
        import aiomqtt  # noqa: F401
    except ImportError:
        raise CannotConnect(
            'MQTT from this computer needs aiomqtt: pip install "picolink[mqtt]"'
        ) from None
    link = HostLink(Broker(f"{scheme}:{where}"))
    try:
        link.opened.result(timeout_s)
    except TimeoutError:  # it may come yet
        raise CannotConnect(link.absent(timeout_s)) from None
    except BaseException:
        link.close()
        raise
    return link


async def open_async(scheme: str, where: str, options: dict[str, str]) -> HostLink:
    """The same, without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, open_link, scheme, where, options)
