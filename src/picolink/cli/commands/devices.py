"""The boards on USB, I2C, Bluetooth and in the network, and what they are.

Opens each port for a moment to ask who is there. That stops no program. Asks the
network which nodes listen there on TCP, for about 1 s. On I2C it asks the addresses
that you name, and the usual one, i2c:1/0x43: no other, since a read can disturb a chip.

    picolink devices
    picolink devices greenhouse 10.0.3.7 i2c:1/0x44
    picolink devices --json --quick
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import picolink

from ...core.errors import PicolinkError
from ...links.ble.scanning import addressed, nearby
from ...links.i2c.doctor import around
from ...links.tcp.discover import Found, search
from ...links.usb.discover import Port, boot_drives, ports
from ...links.usb.identify import BOOT_DRIVE, NODE, WORDS, found
from ..command_line.arguments import json_option
from ..output import Progress, print_json, table

_ASK_S = 3.0
#: The kind of an error that tells what is at a port -> that, as `links/usb/identify.py` calls it.
_STATES = {word: kind for kind, word in WORDS.items()}
#: What is not known of each; and what only those in the network tell.
_KNOWN = ("path", "name", "serial_number")
_NETWORK = ("host", "signal_dbm", "firmware", "version", "links")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "hosts", metavar="HOST", nargs="*",
        help="an address or a name (as in NAME.local) to ask besides, where the network keeps "
        "questions to everybody from it; or a target on I2C, as i2c:1/0x44",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="list what is on USB only, open no port, ask nobody"
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints them; exit code 0 even where there are none, since that is an answer."""
    boards = ports()
    network = []
    if options.quick:
        rows = [_plugged(port) for port in boards]
    else:
        what = f"asking {len(boards)} boards and the network"
        with Progress(what), ThreadPoolExecutor(18) as pool:
            wired = [host for host in options.hosts if host.startswith("i2c:")]
            nodes = pool.submit(search, hosts=[h for h in options.hosts if h not in wired])
            targets = pool.submit(_targets, wired)
            advertised = pool.submit(nearby)
            rows = list(pool.map(lambda port: _ask(_plugged(port), port.path), boards))
            network = [_found(node) for node in nodes.result()]
            network += [
                _row(address, "Bluetooth", serial_number=node.address, name=node.name, state=NODE,
                     signal_dbm=node.signal_dbm)
                for address, node in addressed(advertised.result())
            ]  # fmt: skip
            rows += targets.result()
    for place in boot_drives():
        advice = found(BOOT_DRIVE).advice
        rows.append(_row(None, "Pico without a program", path=place, state=BOOT_DRIVE,
                         advice=advice))  # fmt: skip
    rows += network
    if options.json:
        print_json(rows)
    elif rows:
        print("\n".join([_shown(rows), *_same_names(rows)]))
    else:
        print(
            "no board on USB: check that it is plugged in, and that the cable carries data (many "
            "only charge).\n`picolink sim up` starts a virtual one. "
            + (
                "Without --quick the network is asked too."
                if options.quick
                else "None answered in the network: does its program listen on TCP, is it in this "
                "computer's network, and does that let its members see each other? `picolink "
                "doctor tcp:HOST` says more, `picolink doctor ble:NAME` of Bluetooth."
            )
        )
    return 0


def _row(address: str | None, what: str, **told: Any) -> dict[str, Any]:
    row = {"address": address, **dict.fromkeys(_KNOWN), "virtual": False, "what": what}
    return {**row, "state": None, "advice": None, **dict.fromkeys(_NETWORK), **told}


def _plugged(port: Port) -> dict[str, Any]:
    """A board on USB."""
    return _row(
        f"usb:{port.name or port.serial_number or port.path}", port.description, path=port.path,
        name=port.name, serial_number=port.serial_number, virtual=port.virtual,
    )  # fmt: skip


def _found(node: Found) -> dict[str, Any]:
    """A node that answered in the network."""
    return _row(
        node.address, "virtual board" if node.virtual else node.machine or node.firmware or "node",
        serial_number=node.uid.upper(), name=node.name, virtual=node.virtual, state=NODE,
        host=node.host or None, signal_dbm=node.signal_dbm, firmware=node.firmware or None,
        version=node.version or None, links=list(node.links),
    )  # fmt: skip


def _same_names(rows: list[dict[str, Any]]) -> list[str]:
    """Of each name that several boards have, a sentence."""
    known: dict[str, dict[str, list[str]]] = {}
    elsewhere = {row["name"] for row in rows if not _by_bluetooth(row)}
    for row in rows:
        # A Bluetooth address does not say which of the others it is.
        if row["name"] and not (_by_bluetooth(row) and row["name"] in elsewhere):
            identity = row["serial_number"] or row["path"]
            known.setdefault(row["name"], {}).setdefault(identity, []).append(row["address"])
    return [
        f"\n{len(boards)} boards are named {name!r}: "
        + "; ".join(f"{identity} at {', '.join(at)}" for identity, at in boards.items())
        + ". Give each a name of its own."
        for name, boards in known.items()
        if len(boards) > 1
    ]


def _by_bluetooth(row: dict[str, Any]) -> bool:
    return str(row["address"]).startswith("ble:")


def _ask(row: dict[str, Any], at: str) -> dict[str, Any]:
    """The row with what the node at an address answers."""
    try:
        with picolink.connect(at, timeout_s=_ASK_S) as board:
            row.update(name=board.name, state=NODE)
            row["serial_number"] = row["serial_number"] or board.uid.upper()
    except PicolinkError as error:
        row.update(state=_STATES.get(error.kind, "error"), advice=str(error))
    return row


def _targets(told: list[str]) -> list[dict[str, Any]]:
    """Nodes on I2C: at the addresses that we were told, and at the usual one where one answers as
    ours. No other is asked: a read can disturb a chip."""
    addresses = dict.fromkeys([*told, *around()])
    return [_ask(_row(at, "I2C target", serial_number=""), at) for at in addresses]


def _shown(rows: list[dict[str, Any]]) -> str:
    cells = [("ADDRESS", "NAME", "STATE", "WHAT", "PATH OR ID")]
    for row in rows:
        name, state = row["name"] or "-", row["state"] or "not asked"
        what, where = row["what"], row["path"] or row["serial_number"].lower()
        if row["signal_dbm"] is not None:
            what += f", {row['signal_dbm']} dBm"
        cells.append((row["address"] or "-", name, state, what, where))
    lines = [table(cells)]
    for row in rows:
        if row["advice"] and row["state"] != NODE:
            lines.append(f"\n{row['advice']}")
    return "\n".join(lines)
