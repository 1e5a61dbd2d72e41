"""Dials a node over a broker, on CPython: `mqtt://USER@HOST/PREFIX/NODE`, by what a board has too
(board.py).

That wants an event loop: the program's own where it has one, else that of links/host/background.py.
"""

from __future__ import annotations

import asyncio

from ..host.background import NodeSide
from .board import dial
from .link import MTU_BYTES, MqttLink

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "mqtt": (
        "mqtt://USER:PASSWORD@HOST:PORT/PREFIX/NODE; for node.run: mqtt://HOST/PREFIX",
        "a broker, which passes on what both sides publish",
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

_ATTEMPT_S = 5.0  # then it is said why, and tried again


class HostLink(NodeSide):
    """A link to a node on the broker, for a program without asyncio."""

    stream = False
    reliable = False
    window_bytes = 0
    mtu_bytes = takes_bytes = MTU_BYTES

    def __init__(self, address: str, timeout_s: float) -> None:
        super().__init__("")  # known when it is opened
        self._task = asyncio.run_coroutine_threadsafe(self._run(address, timeout_s), self._loop)

    def give_up(self) -> None:
        """Nobody waits for it any more: nothing stays behind."""
        self._task.cancel()

    # The thread of the shared loop

    async def _run(self, address: str, timeout_s: float) -> None:
        try:
            link = await dial(address, timeout_s, once=True)
        except Exception as error:
            self.opened.set_exception(error)
            return
        self.address = link.address
        link.on_ready = lambda: self._take(link)
        self._take(link)  # it may be over already
        self.opened.set_result(None)
        try:
            while (packet := await self._out.get()) is not None and not link.why:
                link.send(packet)
        finally:
            link.close()

    def _take(self, link: MqttLink) -> None:
        if link.why:
            self._end(link.why)
        else:
            self._packets.extend(link.receive())
            self.on_ready()


def open_link(scheme: str, where: str, options: dict[str, str], timeout_s: float = 10) -> HostLink:
    """Connects to the broker, and makes a link to the node of that name."""
    link = HostLink(f"{scheme}:{where}", timeout_s)
    try:
        link.opened.result()
    except BaseException:
        link.give_up()
        raise
    return link


async def open_async(scheme: str, where: str, options: dict[str, str]) -> MqttLink:
    """The same in the event loop that runs, and without holding it up."""
    return await dial(f"{scheme}:{where}", _ATTEMPT_S, once=True)
