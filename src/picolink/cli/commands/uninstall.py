"""Takes picolink off a board.

Leaves main.py, if it is yours, and /picolink.json.

    picolink uninstall usb:auto
"""

from __future__ import annotations

import argparse

from ...install.uninstaller import uninstall
from ...links.host.user_address import normalise
from ..command_line.arguments import json_option, usb_argument
from ..installing import reported
from ..output import print_json


def arguments(parser: argparse.ArgumentParser) -> None:
    usb_argument(parser)
    parser.add_argument(
        "--all", action="store_true", help="remove main.py and /picolink.json as well"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    json_option(parser, "print what was removed as JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Removes it, and says what was there."""
    with reported() as report:
        done = uninstall(
            normalise(options.address), report, everything=options.all, dry_run=options.dry_run
        )
    if options.json:
        print_json(done)
        return 0
    verb = "would remove" if done["dry_run"] else "removed"
    print(f"{verb} {', '.join(done['removed'])}" if done["removed"] else "picolink is not on it")
    if done["kept"]:
        print(f"kept {', '.join(done['kept'])} (--all removes them too)")
    return 0
