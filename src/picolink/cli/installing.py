"""`picolink install` and `picolink uninstall`."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from ..install import installer, program, uninstaller
from ..install.settings import Wifi
from ..links.host.user_address import normalise
from .output import print_json

PASSWORD_VARIABLE = "PICOLINK_WIFI_PASSWORD"


def run(options: argparse.Namespace) -> int:
    """Brings picolink onto a board, or off it."""
    address = normalise(options.address)
    report = installer.Report(_say, _step)
    try:
        if options.what == "uninstall":
            return _uninstall(address, options, report)
        return _install(address, options, report)
    except KeyboardInterrupt:
        _say(
            "interrupted: the board starts what it had, or what is new where all of it was written "
            "already. The same command, run again, goes on from here"
        )
        raise


def _install(address: str, options: argparse.Namespace, report: installer.Report) -> int:
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
    done = installer.install(address, wishes, report)
    if options.json:
        print_json(done)
    else:
        print(_told(done))
    return 0


def _uninstall(address: str, options: argparse.Namespace, report: installer.Report) -> int:
    done = uninstaller.uninstall(address, report, everything=options.all, dry_run=options.dry_run)
    if options.json:
        print_json(done)
        return 0
    verb = "would remove" if done["dry_run"] else "removed"
    print(f"{verb} {', '.join(done['removed'])}" if done["removed"] else "picolink is not on it")
    if done["kept"]:
        print(f"kept {', '.join(done['kept'])} (--all removes them too)")
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
    if password and not 8 <= len(password.encode()) <= 63:
        raise UsageError(
            f"the password of {options.wifi} has {len(password.encode())} characters; WPA2 wants "
            "8 to 63, an open network none"
        )
    return Wifi(options.wifi, password)


def _say(text: str) -> None:
    print(f"{_clear()}picolink: {text}", file=sys.stderr, flush=True)


def _step(number: int, total: int, name: str) -> None:
    """One line on a terminal, which the next one replaces."""
    if sys.stderr.isatty():
        bar = "#" * (number * 20 // total)
        sys.stderr.write(f"\r\x1b[2K[{bar:<20}] {number}/{total} {name}")
        sys.stderr.flush()


def _clear() -> str:
    return "\r\x1b[2K" if sys.stderr.isatty() else ""


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
    lines = [f"{_clear()}{head}. {answered['name']} answers on {', '.join(answered['links'])}"]
    for address, why in answered["not_open"]:
        lines.append(f"not open: {address}: {why.removeprefix(address + ': ')}")
    names = ", ".join(answered["commands"]) or "none"
    lines.append(f"commands: {names}; readings: {', '.join(answered['readings']) or 'none'}")
    if answered["commands"]:
        lines.append(f"try: picolink describe {done['port']}")
    return "\n".join(lines)
