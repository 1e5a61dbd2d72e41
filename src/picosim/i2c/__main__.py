"""Runs a host's script beside virtual boards: `python -m picosim.i2c script.py`.

Its `smbus2` then opens the I2C buses of worlds that run on this computer (`picosim up`), and
`smbus`, whose C code asks the kernel alone, is `smbus2` under the other name.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from picosim.i2c import host as device


def main() -> int:
    """Run the script in the arguments."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_file():
        print("usage: python -m picosim.i2c SCRIPT.py [ARGUMENTS]", file=sys.stderr)
        return 2
    if not device.install():
        print("smbus2 is not installed: pip install 'picosim[i2c]'", file=sys.stderr)
        return 1
    import smbus2

    sys.modules["smbus"] = smbus2
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
