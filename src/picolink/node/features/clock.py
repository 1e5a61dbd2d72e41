"""Gives a node its clock (`Node.time`), and a board's clock what it asks for the time."""

import asyncio
import sys

from ...net.clock import BOARD, Clock
from ..invoke import NONE, call
from ..running import unload

MYPY = False
if MYPY:
    from typing import Any

    from ...core.session import Session
    from ..node import Node

_CALLS = "node.client.calls"
_READS = "net.zone"  # the rule of local time, which few want to know
_PATIENCE_MS = 5000
_LATEST_MS = 4102444800000  # 2100-01-01


def of(node: "Node") -> Clock:
    """The node's clock. A board's is kept right while the node runs."""
    clock = Clock(node.now_ms, _zone())

    def told(what: object, value: object, error: BaseException | None) -> None:
        if error is not None:
            node.report(error)

    clock.call = lambda function: call(node, function, (), NONE, told, None)
    if BOARD:
        unload(_READS)
        changed = asyncio.Event()
        node.on_meet.append(lambda session: changed.set())
        node.begin(lambda: node.spawn(_keep(node, clock, changed)))
    return clock


def _zone() -> str:
    """The zone that /picolink.json gives a board; a computer's own."""
    if not BOARD:
        from ...net.places import own_zone

        return own_zone()
    from ..config import zone

    return zone()


async def _keep(node: "Node", clock: Clock, changed: "asyncio.Event") -> None:
    from ...net.timekeeping import SERVERS, keep

    async def ask_peers() -> "list[tuple[int, int, str, str]]":
        told = []
        for session in list(node.endpoint.sessions.values()):
            if session.attach is not None:
                asked_ms = node.now_ms()
                try:
                    answer = await _ask(node, session)
                    # It said so half of the way ago.
                    at_ms = (asked_ms + node.now_ms()) // 2
                    unix_ms = answer["unix_ms"]
                    if unix_ms is not None:
                        if not 0 <= unix_ms < _LATEST_MS:
                            raise ValueError("its time is %r" % (unix_ms,))
                        told.append(
                            (int(unix_ms), at_ms, str(answer["quality"]), str(answer["zone"])[:64])
                        )
                except Exception as error:
                    if session.id in node.endpoint.sessions:  # else it went, which says nothing
                        clock.why = "%s: %s" % (session.peer_name, error)
        return told

    def rest() -> None:
        unload(_READS)
        node.forget()

    wifi = getattr(node, "wifi", None)
    usual = SERVERS if wifi is not None and wifi.networks else ()  # no way to them but by a router
    await keep(clock, node.now_ms, usual, ask_peers, changed, rest)


async def _ask(node: "Node", session: "Session") -> "dict[str, Any]":
    loads = "picolink." + _CALLS not in sys.modules
    answered = asyncio.Event()
    asked = session.data.caller().start("sys.time", (), {}, _PATIENCE_MS, node.now_ms())
    asked.on_end = answered.set
    node.kick(session)
    await answered.wait()
    if loads and session.data.forget_calls():
        unload(_CALLS)
    return asked.result()  # type: ignore[no-any-return]
