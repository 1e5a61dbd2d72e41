"""The command line of packing; see the package's docstring."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import PicolinkError
from .assembling import compile_all, package_json, sizes, write_all
from .contents import CHECKOUT, GROUPS
from .lines import LINES


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m picolink.packing",
        description="Packs picolink for a board.",
        epilog="Then: mpremote cp -r build/board/picolink :/lib/",
    )
    parser.add_argument(
        "--groups", default="usb,tcp", help=f"what besides base: {','.join(GROUPS)}"
    )
    parser.add_argument(
        "--lines",
        choices=LINES,
        default=LINES[0],
        help="line numbers: what takes no memory, all, none",
    )
    parser.add_argument("--apart", action="store_true", help="one file per module, none joined")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the .mpy files there")
    parser.add_argument("--sizes", action="store_true", help="print the bytes of each module")
    parser.add_argument(
        "--package-json", action="store_true", help="renew board/package.json (in a checkout)"
    )
    options = parser.parse_args(arguments)
    groups = [group for group in options.groups.split(",") if group]
    try:
        if options.package_json:
            target = CHECKOUT / "board" / "package.json"
            target.write_text(package_json(), "utf-8")
            print(f"wrote {os.path.relpath(target)}")
        if options.sizes:
            table = sizes(groups, joined=not options.apart)
            for place, size in sorted(table.items(), key=lambda row: -row[1]):
                print(f"{size:7} {place}")
            print(f"{sum(table.values()):7} in all")
        if options.out:
            joined = not options.apart
            packed = compile_all(groups, march="armv6m", joined=joined, lines=options.lines)
            total = write_all(options.out, packed)
            print(f"wrote {total} bytes below {options.out}")
    except (PicolinkError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if not (options.package_json or options.sizes or options.out):
        parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
