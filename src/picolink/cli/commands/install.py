"""Brings picolink onto a board.

Stops the board's program, copies what is missing or changed to /lib/picolink, writes
/picolink.json and, where there is none or with --main, main.py; then restarts the
board and calls it. May be interrupted at any time, and run again. The password of the
Wi-Fi is asked for, or read from PICOLINK_WIFI_PASSWORD.

    picolink install usb:auto
    picolink install usb:auto --name greenhouse --main main.py
    picolink install usb:auto --links usb,uart --wifi 'my network'
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

from ...core.errors import UsageError
from ...install import installer, program
from ...install.settings import Wifi
from ...links.host.user_address import normalise
from ...net.settings import settings
from ..command_line.arguments import json_option, seconds, usb_argument
from ..installing import clear_line, reported
from ..output import print_json

PASSWORD_VARIABLE = "PICOLINK_WIFI_PASSWORD"


def arguments(parser: argparse.ArgumentParser) -> None:
    usb_argument(parser)
    parser.add_argument(
        "--links", metavar="LINK,...", default="",
        help="the links that it opens, by name or address (those of its /picolink.json, else "
        "usb,tcp)",
    )  # fmt: skip
    parser.add_argument("--name", default="", help="the node's name")
    parser.add_argument("--wifi", metavar="SSID", default="", help="note a network to join")
    parser.add_argument(
        "--wifi-password-file", metavar="FILE", help="its first line is the network's password"
    )
    parser.add_argument("--main", metavar="FILE", help="the program, which becomes main.py")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--force", action="store_true",
        help="write everything anew, also a damaged /picolink.json, and remove what hides /lib",
    )  # fmt: skip
    parser.add_argument(
        "--no-start", action="store_true", help="leave the board at its prompt, call nothing"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=20.0, metavar="S",
        help="seconds for the program to answer (20)",
    )  # fmt: skip
    json_option(parser, "print what was done as JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Brings picolink onto a board."""
    wishes = installer.Wishes(
        links=tuple(options.links.split(",")) if options.links else None,
        name=options.name,
        main=program.load(options.main) if options.main else None,
        wifi=_wifi(options),
        dry_run=options.dry_run,
        force=options.force,
        start=not options.no_start,
        timeout_s=options.timeout,
    )
    with reported() as report:
        done = installer.install(normalise(options.address), wishes, report)
    if options.json:
        print_json(done)
    else:
        print(_told(done))
    return 0


def _wifi(options: argparse.Namespace) -> Wifi | None:
    """The network, with its password from where nobody else can read it."""
    if not options.wifi:
        if options.wifi_password_file:
            raise UsageError("--wifi-password-file goes with --wifi SSID")
        return None
    if options.wifi_password_file:
        try:
            text = Path(options.wifi_password_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"can't read {options.wifi_password_file}: {error}") from None
        password = text.split("\n")[0].rstrip("\r")
    elif PASSWORD_VARIABLE in os.environ:
        password = os.environ[PASSWORD_VARIABLE]
    elif sys.stdin.isatty():
        password = getpass.getpass(f"Password of {options.wifi} (empty for an open network): ")
    else:
        raise UsageError(
            f"the password of {options.wifi} is missing: set {PASSWORD_VARIABLE}, or use "
            "--wifi-password-file FILE"
        )
    settings((options.wifi, password))  # what is wrong with it is raised
    return Wifi(options.wifi, password)


def _told(done: dict[str, Any]) -> str:
    """What was done, for people."""
    links = ", ".join(done["links"])
    if done["dry_run"]:
        return f"nothing was written (--dry-run); the board would be {done['name']}, with {links}"
    changed = done["copied"] or done["removed"] or done["written"]
    head = "installed" if changed else "nothing to do: all is there already"
    answered = done["answered"]
    if not answered:
        return f"{head} on {done['port']}"
    lines = [f"{clear_line()}{head}. {answered['name']} answers on {', '.join(answered['links'])}"]
    for address, why in answered["not_open"]:
        lines.append(f"not open: {address}: {why.removeprefix(address + ': ')}")
    names = ", ".join(answered["commands"]) or "none"
    lines.append(f"commands: {names}; readings: {', '.join(answered['readings']) or 'none'}")
    if answered["commands"]:
        lines.append(f"try: picolink describe {done['port']}")
    return "\n".join(lines)
