"""`picolink devices`: the boards on USB, real and virtual, and what is on each."""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..core.errors import PicolinkError, PortBusy
from ..links.usb.discover import Port, boot_drives, ports
from ..links.usb.recognise import BOOT_DRIVE, HELD, NODE, SENTENCES, found
from ..node.blocking import connect
from .output import Progress, print_json, table

_ASK_S = 3.0


def run(options: argparse.Namespace) -> int:
    """Prints them; exit code 0 even where there are none, since that is an answer."""
    boards = ports()
    if options.quick:
        rows = [_row(port) for port in boards]
    else:
        with Progress(f"asking {len(boards)} boards"), ThreadPoolExecutor(16) as pool:
            rows = list(pool.map(_ask, boards))
    for place in boot_drives():
        row = _row(Port(place, description="Pico without a program"))
        row.update(address=None, state=BOOT_DRIVE, advice=found(BOOT_DRIVE).advice)
        rows.append(row)
    if options.json:
        print_json(rows)
    elif rows:
        print(_shown(rows))
    else:
        print(
            "no board on USB: check that it is plugged in, and that the cable carries data (many "
            "only charge).\n`picolink sim up` starts a virtual one; boards in the network are "
            "reached as tcp:HOST."
        )
    return 0


def _row(port: Port) -> dict[str, Any]:
    return {
        "address": f"usb:{port.name or port.serial_number or port.path}",
        "path": port.path,
        "name": port.name,
        "serial_number": port.serial_number,
        "virtual": port.virtual,
        "what": port.description,
        "state": None,
        "advice": None,
    }


def _ask(port: Port) -> dict[str, Any]:
    """What is known of a port, and what its board answers."""
    row = _row(port)
    try:
        with connect(port.path, timeout_s=_ASK_S) as board:
            row.update(name=board.name, state=NODE)
    except PortBusy as error:
        row.update(state=HELD, advice=str(error))
    except PicolinkError as error:
        row.update(state=_kind(str(error)), advice=str(error))
    return row


def _kind(message: str) -> str:
    """What `recognise` found, by the sentence that it put into an error's message."""
    for kind, (what, _) in SENTENCES.items():
        if what.partition("{")[0] in message:
            return kind
    return "error"


def _shown(rows: list[dict[str, Any]]) -> str:
    cells = [("ADDRESS", "NAME", "STATE", "WHAT", "PATH")]
    for row in rows:
        name, state = row["name"] or "-", row["state"] or "not asked"
        cells.append((row["address"] or "-", name, state, row["what"], row["path"]))
    lines = [table(cells)]
    for row in rows:
        if row["advice"] and row["state"] != NODE:
            lines.append(f"\n{row['advice']}")
    return "\n".join(lines)
