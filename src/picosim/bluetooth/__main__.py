"""`python -m picosim.bluetooth script.py`: runs a script whose bleak finds virtual boards."""

from __future__ import annotations

import runpy
import sys

from picosim.bluetooth.backend import install_for_bleak


def main() -> None:
    """Run the script that the first argument names, with the others."""
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m picosim.bluetooth SCRIPT [ARGUMENT ...]")
    install_for_bleak()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
