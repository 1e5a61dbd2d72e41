"""Dials a board by Bluetooth LE, on CPython, with bleak: `ble:NAME` or `ble:AA:BB:CC:DD:EE:FF`.

bleak wants an event loop: that of links/host/background.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ...core.errors import BadAddress, CannotConnect, PicolinkError
from ...core.packets import MIN_MTU_BYTES
from ..host.background import NodeSide
from .advertising import LARGEST_BYTES, RX, STALLS, TX, WINDOW_BYTES
from .scanning import Found, scan
from .stack import absent, client, held, library

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "ble": (
        "ble:NAME, ble:AA:BB:CC:DD:EE:FF",
        "a board in Bluetooth range; needs bleak",
        {},
    ),
    "ble-peripheral": (
        "ble-peripheral:",
        "on a board, for node.run: advertises it by Bluetooth, one central at a time",
        {"name": "to advertise; the node's own if left out",
         "interval_ms": "between advertisements, 100 if left out"},
    ),
}  # fmt: skip

_ATTEMPT_S = 5.0  # then it is said why, and tried again
_MORE_S = 0.3  # after the first of that name: there may be another
_NAMESAKE_S = 1.5  # after one that is no node, or another than before
_known: dict[str, str] = {}  # name -> address, where there was one of that name only


class HostLink(NodeSide):
    """A link to a board."""

    stream = False
    reliable = True
    window_bytes = WINDOW_BYTES
    stalls = STALLS

    def __init__(self, where: str, timeout_s: float) -> None:
        super().__init__("ble:" + where)
        self.mtu_bytes = self.takes_bytes = 0  # known when it is opened
        self.rest = b""
        self.doing = "it was looked for"
        self._where = where
        self._timeout_s = timeout_s
        self._task = asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    def give_up(self) -> None:
        """It took too long: nothing stays behind."""
        self._why = self._why or "given up"
        self._task.cancel()

    # The thread of bleak

    def _gone(self, _: Any) -> None:
        self._end(f"{self._where} has gone, or is out of range")

    async def _run(self) -> None:
        try:
            device = await find(self._where, self._timeout_s)
            self.doing = "it is there, and did not answer: almost out of range, perhaps"
            board = client(device, self._gone, self._timeout_s)
            try:
                await board.connect()
                self.doing = "it is connected, and was asked what it has"
                rx = board.services.get_characteristic(RX)
                if rx is None or board.services.get_characteristic(TX) is None:
                    raise not_a_node(self._where)
                await self._ask_mtu(board, rx)
                await board.start_notify(TX, self._notified)
                self.opened.set_result(None)
                while (packet := await self._out.get()) is not None:
                    await board.write_gatt_char(rx, packet, response=False)
            finally:
                await board.disconnect()
        except Exception as error:  # of bleak, of D-Bus
            why = _reason(error, self._where)
            if not self.opened.done():
                self.opened.set_exception(why)
            self._end(str(why))

    async def _ask_mtu(self, board: Any, rx: Any) -> None:
        """Learns how large a packet may be."""
        size = rx.max_write_without_response_size
        acquire = getattr(getattr(board, "_backend", None), "_acquire_mtu", None)
        if size < MIN_MTU_BYTES and acquire is not None:  # a BlueZ before 5.62 does not say
            await acquire()
            size = board.mtu_size - 3
        if size < MIN_MTU_BYTES:
            raise CannotConnect(
                f"{self.address} takes {size} bytes at once, and a session needs {MIN_MTU_BYTES}: "
                "the other side agreed to no larger MTU. Is its firmware a current one?"
            )
        self.mtu_bytes = self.takes_bytes = min(size, LARGEST_BYTES)

    def _notified(self, _: Any, packet: bytearray) -> None:
        self._packets.append(bytes(packet))
        self.on_ready()


async def find(where: str, timeout_s: float) -> Any:
    """The device called `where`, as bleak wants it."""
    if not where:
        raise BadAddress("ble: wants a name or address behind it; `picolink devices` lists both")
    for device in await held():
        if where.upper() == device.address.upper() or where == device.name:
            return device
    known = _known.get(where, where)

    def right(found: Found) -> bool:
        return found.called(where) and (found.node or found.address == where.upper())

    def enough(found: Found) -> float | None:
        if not found.called(where):
            return None
        if not right(found) or not found.called(known):
            return _NAMESAKE_S
        return 0 if known != where or ":" in where else _MORE_S

    seen = await scan(timeout_s, enough)
    there = [found for found in seen if right(found)]
    before = [found for found in there if found.address == known]
    if len(there) == 1 or before:
        found = (before or there)[0]
        _known[where] = found.address
        return found.device
    if there:
        raise named_twice(where, there)
    if any(found.called(where) for found in seen):
        raise not_a_node(where)
    raise CannotConnect(not_there(where, seen, timeout_s, where in _known), kind="not_advertising")


def not_there(where: str, seen: list[Found], timeout_s: float, was: bool) -> str:
    """What to say where nothing of that name advertises."""
    nodes = [f"{found.name or found.address}" for found in seen if found.node]
    around = f"; nodes that do: {', '.join(nodes)}" if nodes else ""
    taken = "it is taken by another central (a board has one connection, and falls silent)"
    off = "it is off or out of range, or its program does not run ble-peripheral:"
    likely = f"{taken}, or {off}" if was else f"{off}, or {taken}"
    return f"no node {where!r} advertised within {timeout_s:g} s{around}: {likely}"


def not_a_node(where: str) -> CannotConnect:
    """The error for a device without our service."""
    return CannotConnect(
        f"{where} is there, but is no picolink node: it has not our service", kind="no_node",
        advice="Is another program on that board, or is it another device of that name?",
    )  # fmt: skip


def named_twice(where: str, there: list[Found]) -> CannotConnect:
    """The error for several nodes of one name."""
    listed = "; ".join(map(str, there))
    return CannotConnect(
        f"{len(there)} nodes here are named {where!r}: {listed}", kind="named_twice",
        advice="Say which by its address, and give each a name of its own",
    )  # fmt: skip


def _reason(error: Exception, where: str) -> PicolinkError:
    """Why there is no connection, in words."""
    if isinstance(error, PicolinkError):
        return error
    why = absent(error)
    if why is not None:
        return why.error()
    told = str(error) or type(error).__name__
    return CannotConnect(
        f"no connection to ble:{where}: {told}: it is almost out of range, or another central was "
        "faster (a board has one connection)", kind="no_answer",
    )  # fmt: skip


def open_link(scheme: str, where: str, options: dict[str, str], timeout_s: float = 10) -> HostLink:
    """Looks for the board, connects, and makes a link."""
    if scheme != "ble":
        raise CannotConnect(
            "ble-peripheral: is for boards: bleak can't be a peripheral. Let the board be one, and "
            "connect to it as ble:NAME"
        )
    library()
    link = HostLink(where, timeout_s)
    try:
        link.opened.result(timeout_s + 1)
    except TimeoutError:
        link.give_up()
        raise CannotConnect(
            f"ble:{where} was not connected within {timeout_s:g} s: {link.doing}"
        ) from None
    except BaseException:
        link.give_up()
        raise
    return link


async def open_async(scheme: str, where: str, options: dict[str, str]) -> HostLink:
    """The same, without holding up the event loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, open_link, scheme, where, options, _ATTEMPT_S)
