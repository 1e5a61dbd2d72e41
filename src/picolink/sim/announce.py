"""How host tools find virtual boards: one small JSON file for each that runs."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def directory() -> Path:
    """Where the files are: `$PICOLINK_SIM_DIR`, or a folder of this user's in the temporary one."""
    chosen = os.environ.get("PICOLINK_SIM_DIR")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"picolink-sim-{os.getuid()}"


def announce(about: dict[str, Any]) -> Path:
    """Announce a board (`name`, `unique_id`, `usb_path`, `address`, `pid`)."""
    folder = directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{about['unique_id']}-{about['pid']}.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(about))
    new.replace(path)
    return path


def announced() -> list[dict[str, Any]]:
    """The boards that run now; files of dead processes are removed."""
    found = []
    for path in sorted(directory().glob("*.json")):
        try:
            about = json.loads(path.read_text())
            os.kill(about["pid"], 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except (OSError, ValueError, KeyError):
            continue
        else:
            found.append(about)
    return found
