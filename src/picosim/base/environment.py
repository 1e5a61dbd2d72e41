"""The environment variables that set something here: `PICOSIM_DIR`, `PICOSIM_MICROPYTHON`,
`PICOSIM_SEED`; each may have the prefix `PICOLINK_` too, the first users' own."""

from __future__ import annotations

import os

_EARLIER = {
    "DIR": "PICOLINK_SIM_DIR",
    "MICROPYTHON": "PICOLINK_MICROPYTHON",
    "SEED": "PICOLINK_SEED",
}


def setting(name: str) -> str:
    """The value of `PICOSIM_<name>`; "" where it is not set."""
    return os.environ.get("PICOSIM_" + name) or os.environ.get(_EARLIER[name]) or ""
