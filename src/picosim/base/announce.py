"""How host tools find virtual boards: one small JSON file for each that runs."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from picosim.base import system
from picosim.base.environment import setting


def directory() -> Path:
    """Where the files are: `$PICOSIM_DIR`, or a folder of this user's in the temporary one."""
    chosen = setting("DIR")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"picosim-{os.getuid()}"


def announce(about: dict[str, Any]) -> Path:
    """Announce a board (`name`, `unique_id`, `usb_path`, `address`, `pid`)."""
    return _write(f"{about['unique_id']}-{about['pid']}.json", about)


def _write(name: str, about: dict[str, Any]) -> Path:
    folder = directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    new = path.with_suffix(".new")
    new.write_text(json.dumps(about))
    new.replace(path)
    return path


def announce_bus(about: dict[str, Any]) -> Path:
    """Announce an I2C bus of this host (`kind`, `bus`, `socket`, `pid`, and its world's pid)."""
    return _write(f"i2c-{about['bus']}-{about['pid']}.json", about)


def announced_buses() -> list[dict[str, Any]]:
    """The I2C buses of this host that are virtual; the newest last, after all this process's."""
    found = [about for about in _announced() if about.get("kind") == "i2c"]
    return sorted(found, key=lambda about: bool(about["world"] == os.getpid()))


def announce_radio(about: dict[str, Any]) -> Path:
    """Announce the Bluetooth of a world (`kind`, `port`, `token`, `pid`) to this computer."""
    return _write(f"bluetooth-{about['token']}.json", about)


def radios() -> list[dict[str, Any]]:
    """The simulated Bluetooth of the worlds that run now, the newest last."""
    return [about for about in _announced() if about.get("kind") == "bluetooth"]


def announced() -> list[dict[str, Any]]:
    """The boards that run now: `name`, `unique_id`, `usb_path`, `address` ("" if none), `pid`."""
    boards = []
    for about in _announced():
        if all(key in about for key in ("usb_path", "unique_id", "name")):
            about["address"] = about.get("address") or ""
            boards.append(about)
    return boards


def _announced() -> list[dict[str, Any]]:
    # Files of dead processes are removed.
    found = []
    if not _is_trusted(directory()):
        return []
    for path in sorted(directory().glob("*.json"), key=system.changed_at):
        try:
            about = json.loads(path.read_text("utf-8"))
            if int(about["pid"]) <= 0:
                continue
            os.kill(int(about["pid"]), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written, or not ours
        else:
            found.append(about)
    return found


def _is_trusted(folder: Path) -> bool:
    """The temporary folder is everybody's: what others announce there does not count."""
    try:
        return folder.stat().st_uid in (0, os.getuid())
    except OSError:
        return False
