"""Which files of `/lib/picolink` are to be sent, copied on the board, or removed. No I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .repl import Entry

LIB = "/lib/picolink"
NEW = "/lib/picolink.new"  # not importable, for its dot: what is written here harms nobody
OLD = "/lib/picolink.old"
SWAP = "/picolink"  # found before /lib: holds the new ones while those in /lib change places
MANIFEST = "install.json"  # by which a folder is known as ours; what is in it is not relied on
_FOLDER_BLOCKS = 2  # littlefs keeps a pair of blocks for each
_SPARE_BLOCKS = 4


class Plan(NamedTuple):
    """What to do, in names below /lib/picolink."""

    wanted: Mapping[str, bytes]
    send: list[str]
    copy: list[str]  # unchanged, but the folder is made anew
    staged: list[str]  # there already, from a run that was cut
    remove: list[str]
    anew: bool  # whether the folder is made anew and changes places with the old one

    @property
    def nothing(self) -> bool:
        """Whether the board has exactly what it should have."""
        return not (self.send or self.remove or self.anew)

    @property
    def send_bytes(self) -> int:
        """Bytes to be sent."""
        return sum(len(self.wanted[name]) for name in self.send)

    def needs_bytes(self, block_bytes: int, more: Iterable[bytes] = ()) -> int:
        """Room that it takes while it is done, with the files `more` besides."""
        data = [self.wanted[name] for name in [*self.send, *self.copy]] + list(more)
        blocks = sum(-(-len(contents) // block_bytes) for contents in data)
        folders = folders_of([*self.send, *self.copy]) if self.anew else []
        return (blocks + _FOLDER_BLOCKS * len(folders) + _SPARE_BLOCKS) * block_bytes


def wanted(packed: Mapping[str, bytes], version: str, groups: list[str]) -> dict[str, bytes]:
    """The files below /lib/picolink: those of `compile_all`, and a note of what they are."""
    files = {place.removeprefix("picolink/"): data for place, data in packed.items()}
    note = {"picolink": version, "groups": groups}
    return files | {MANIFEST: (json.dumps(note) + "\n").encode()}


def make(files: Mapping[str, bytes], found: Mapping[str, Entry], *, force: bool = False) -> Plan:
    """What to do, given what the board has below `LIB` and `NEW`, with hashes.

    Where no file changes, new ones are added beside the old. Else the old folder and the new must
    not be mixed: the new is made complete under another name.
    """
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    there, staged = _hashes(found, LIB), _hashes(found, NEW)
    if force:
        there = dict.fromkeys(there, "")
        staged = dict.fromkeys(staged, "")
    same = [name for name in files if there.get(name) == hashes[name]]
    changed = [name for name in files if name in there and name not in same]
    anew = LIB not in found or bool(set(changed) - {MANIFEST})
    if not anew:
        send = [name for name in files if name not in same]
        stale = [name for name in there if name not in files]
        kept = folders_of(files)
        empty = [name for name in _folders(found, LIB) if name not in kept]
        return Plan(files, send, [], [], stale + sorted(empty, reverse=True), False)
    ready = [name for name in files if staged.get(name) == hashes[name]]
    rest = [name for name in files if name not in ready]
    copy = [name for name in rest if name in same]
    send = [name for name in rest if name not in same]
    stale = [name for name in staged if name not in files]
    return Plan(files, send, copy, ready, stale, True)


def folders_of(names: Iterable[str]) -> list[str]:
    """The folders that files lie in, outer ones first; "" is the one they all lie in."""
    found = {""}
    for name in names:
        parts = name.split("/")[:-1]
        found.update("/".join(parts[: n + 1]) for n in range(len(parts)))
    return sorted(found)


def _folders(found: Mapping[str, Entry], root: str) -> list[str]:
    below = root + "/"
    return [p[len(below) :] for p, e in found.items() if p.startswith(below) and e.folder]


def _hashes(found: Mapping[str, Entry], root: str) -> dict[str, str]:
    below = root + "/"
    return {
        path[len(below) :]: entry.sha256
        for path, entry in found.items()
        if path.startswith(below) and not entry.folder
    }
