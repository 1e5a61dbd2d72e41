"""Keeps what was packed for boards: joining takes seconds, and seldom changes.

Host only. A key is the hash of all that goes in: the sources, the tools here, the compiler's
version, the options. So nothing of another key is ever used, and whatever can't be read is made
anew.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

KEPT = 60  # results of some 80 kB; older ones go


def key_of(options: Iterable[object], texts: Mapping[str, str]) -> str:
    """The key of what is made with these options from these texts, by the tools as they are."""
    digest = hashlib.sha256(repr(tuple(options)).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    for name, text in sorted(texts.items()):
        digest.update(f"\0{name}\0{text}".encode())
    return digest.hexdigest()


def remembered(folder: Path, key: str, make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
    """What `make` returned for this key before, or returns now."""
    kept = folder / f"packed-{key}.json"
    try:
        told = json.loads(kept.read_bytes())
        os.utime(kept)  # in use: not among the oldest
        return {place: base64.b64decode(data, validate=True) for place, data in told.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        pass  # not there, or damaged
    made = make()
    text = json.dumps({place: base64.b64encode(data).decode() for place, data in made.items()})
    with contextlib.suppress(OSError):  # a full disk is no reason not to install
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, suffix=".part", delete=False
        ) as file:
            file.write(text)
        os.replace(file.name, kept)  # whole or not at all, whoever else packs now
        _tidy(folder)
    return made


def _tidy(folder: Path) -> None:
    """Removes the oldest results beyond `KEPT`."""
    dated = []
    for path in folder.glob("packed-*.json"):
        with contextlib.suppress(OSError):  # another process was faster
            dated.append((path.stat().st_mtime, path))
    for _, path in sorted(dated)[:-KEPT]:
        path.unlink(missing_ok=True)
