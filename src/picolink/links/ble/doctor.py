"""Examines the way to a board by Bluetooth: this computer's adapter, what advertises, how strong,
and whether it is a node. Host only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from ...core.errors import BadAddress, CannotConnect
from ..host.background import shared_loop
from ..host.diagnosis import Step, bad, good, of_node, sentence
from ..host.probe import Greeting
from .host import HostLink, open_link
from .scanning import WEAK_DBM, Found, addressed, nearby, scan
from .stack import absent, held, library

_LISTEN_S = 4.0
_MORE_S = 1.0  # after the first of that name: there may be another
_CONNECT_S = 8.0
_ANSWER_MS = 3000


def around() -> list[str]:
    """The nodes that advertise; none where there is no Bluetooth."""
    return [address for address, _ in addressed(nearby())]


def examine(where: str, options: dict[str, str]) -> Iterator[Step]:
    """Looks at each step on the way, until one fails."""
    if not where:
        raise BadAddress("ble: wants a name or address behind it; `picolink devices` lists both")
    try:
        library()
    except CannotConnect:
        yield bad("bleak is installed", "no bleak", "Bluetooth from this computer needs bleak.",
                  "`pip install 'picolink[ble]'` brings it.")  # fmt: skip
        return
    what = "this computer has Bluetooth, switched on"
    loop = shared_loop()
    try:
        seen = asyncio.run_coroutine_threadsafe(
            scan(_LISTEN_S, lambda found: _MORE_S if found.called(where) else None), loop
        ).result()
    except CannotConnect as error:
        why = absent(error.__cause__) if error.__cause__ is not None else None
        if why is None:
            yield bad(what, "scan failed", sentence(error.why),
                      "Switch Bluetooth off and on, or restart: it hangs sometimes.")  # fmt: skip
        else:
            yield bad(what, *why)
        return
    yield good(what, why=f"{len(seen)} devices heard")
    here = asyncio.run_coroutine_threadsafe(held(), loop).result()
    step, found = _advertising(where, seen, {device.address for device in here})
    yield step
    if found is None:
        return
    if found.signal_dbm < WEAK_DBM:
        yield bad(
            "the signal is strong enough", "weak signal",
            f"It comes with {found.signal_dbm} dBm: so far away, or behind so many walls, packets "
            "get lost and connections end.",
            f"Bring them nearer: from {WEAK_DBM} dBm up it works, from -70 well. A metal case "
            "round the board, or a USB 3 cable beside it, costs 20.",
        )  # fmt: skip
    yield from _talk(where, found)


def _advertising(where: str, seen: list[Found], held: set[str]) -> tuple[Step, Found | None]:
    """Whether exactly one device of that name advertises; and which."""
    what = f"{where} advertises"
    called = [found for found in seen if found.called(where)]
    nodes = [found for found in called if found.node]
    if len(nodes) > 1:
        return bad(
            f"one node is named {where}", "name seen twice",
            f"{len(nodes)} nodes are: {'; '.join(map(str, nodes))}.",
            "Use the address for now, and give each a name of its own: Node(\"...\"), or \"name\" "
            "in /picolink.json.",
        ), None  # fmt: skip
    if called:
        found = (nodes or called)[0]
        return good(what, why=str(found).partition("(")[2].rstrip(")")), found
    if where.upper() in {address.upper() for address in held}:
        return bad(
            what, "taken", "This computer is connected to it already: by another program, or one "
            "that was killed.",
            f"End the other program, or `bluetoothctl disconnect {where}`.",
        ), None  # fmt: skip
    others = sorted(found.name or found.address for found in seen if found.node)
    around = f" Nodes that do: {', '.join(others)}." if others else ""
    return bad(
        what, "not advertising",
        "It is off or out of range; or its program does not run with \"ble-peripheral:\"; or it is "
        "taken by another central: a board has one Bluetooth connection, and falls silent "
        f"meanwhile.{around}",
        "Look at what its program prints when it starts (over USB: `picolink log usb:auto`): "
        "\"listening on ble-peripheral:NAME\", under this name. End other programs and phone apps "
        "that are connected to it. Bring it nearer: 10 m, or one wall, is what it reaches surely.",
    ), None  # fmt: skip


def _talk(where: str, found: Found) -> Iterator[Step]:
    """Connects, and greets."""
    what = f"it can be connected to at {found.address}"
    try:
        link: HostLink = open_link("ble", found.address, {}, _CONNECT_S)
    except CannotConnect as error:
        if error.kind == "no_node":
            yield good(what)
            yield bad(
                "it has picolink's service", "no node", sentence(error.why),
                "Put `node.run(\"ble-peripheral:\")` at the end of its program. Where it is a "
                "device of another kind, give the node a name of its own.",
            )  # fmt: skip
            return
        yield bad(
            what, "no connection",
            f"It advertises, but no connection came about ({error}): it is almost out of range, or "
            "another central was faster just now.",
            "Try again, nearer. If it stays so, reset the board, and switch Bluetooth off and on "
            "here.",
        )  # fmt: skip
        return
    yield good(what, why=f"packets of {link.mtu_bytes} bytes")
    greeting = Greeting(link)
    try:
        answered = greeting.ask(_ANSWER_MS)
    finally:
        link.close()
    if answered:
        yield of_node(greeting)
    else:
        yield bad(
            "a node answers", "no answer",
            "The board has the service, but its program says nothing: it is busy with something "
            "that blocks, or has stopped.",
            "Look at what it prints: `picolink log usb:auto`. What takes long is declared "
            "(`@node.command(blocking_s=...)`), or awaits.",
        )  # fmt: skip
