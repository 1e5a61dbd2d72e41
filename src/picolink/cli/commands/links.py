"""The kinds of address and their options, as each link documents them.

picolink links
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from ...core.errors import PicolinkError
from ...links.host import plugins
from ...links.registry import SCHEMES, load
from ..command_line.arguments import json_option
from ..output import print_json


def help_of_links() -> dict[str, dict[str, Any]]:
    """scheme -> how its addresses are written, what it is, and its options: ours, and those of
    installed packages."""
    result = {}
    for scheme, folder in SCHEMES.items():
        module = importlib.import_module(f"picolink.links.{folder}.host")
        written, what, options = module.HELP[scheme]
        result[scheme] = {"address": written, "what": what, "options": options}
    for scheme in sorted(plugins.found()):
        try:
            written, what, options = load(scheme).HELP[scheme]
        except PicolinkError as error:  # one package that does not load hides no other
            written, what, options = f"{scheme}:", str(error), {}
        result[scheme] = {"address": written, "what": what, "options": options}
    return result


def arguments(parser: argparse.ArgumentParser) -> None:
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints them."""
    links = help_of_links()
    if options.json:
        print_json(links)
        return 0
    for scheme, link in links.items():
        print(f"{scheme}\n  {link['address']}\n  {link['what']}")
        for name, what in link["options"].items():
            print(f"    ?{name}=...  {what}")
    print("An address without a scheme is a serial port's path, an IP, a host, or a board's name.")
    return 0
