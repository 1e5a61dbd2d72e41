"""How much was written to a board that has not answered: more would keep Ctrl-C out. Host only.

A board whose program does not read takes 704 bytes, and what is written then waits before it, a
Ctrl-C too, until its power is cut. So what picolink asks by itself stays well below that, also of
several programs one after the other: each leaves a note, which is void once the board answers, is
plugged in anew, or another program has written to it.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

#: So much is asked, with room for Ctrl-C behind it, and for what another program writes.
MOST_BYTES = 448
#: What finds out who is there instead of a node is short, and tells more.
MOST_WITH_PROBE_BYTES = 512
_SILENT_S = 0.5  # without an answer, from when on it counts that there is none
_AGAIN_S = 5.0  # a question is repeated once so late where nothing at all was heard
_NOTED_BYTES = 64  # less is not worth a note: every connection ends with some


class Unanswered:
    """The bytes at one port. `answered` and `heard` tell of what came from there."""

    def __init__(self, path: str) -> None:
        self._path = os.path.realpath(path)
        self.count = 0  # bytes
        self.met = False  # whether a node has answered since the port was opened
        self.kept_back = False  # whether something was not asked
        self._first_s = self._last_s = 0.0  # when the first and last of them were written
        self._repeats = 0  # of a question, without a word from there
        self._heard_text = True  # since the last question
        self._noted = False
        self._load()

    def may_ask(self, size: int) -> bool:
        """Whether a question of `size` bytes may be written now."""
        if self.met:
            fits = not self.count or self.count + size <= MOST_BYTES
            return fits or time.monotonic() - self._first_s < _SILENT_S
        if self.count + size > MOST_BYTES:
            self.kept_back = True
            return False
        if self._last_s and not self._heard_text:
            if self._repeats or time.monotonic() - self._last_s < _AGAIN_S:
                return False
            self._repeats += 1
        return True

    def may_probe(self, size: int) -> bool:
        """The same of what tells who else is there."""
        fits = self.count + size <= MOST_WITH_PROBE_BYTES
        self.kept_back |= not fits
        return fits

    def written(self, size: int) -> None:
        """So much was written."""
        now_s = time.monotonic()
        if not self.count or not self._first_s:
            self._first_s = now_s
        self.count += size
        self._last_s = now_s
        self._heard_text = False
        if now_s - self._first_s > _SILENT_S:
            self.note()

    def heard_text(self) -> None:
        """Text came, which a program prints also where it reads nothing."""
        self._heard_text = True

    def answered(self) -> None:
        """What was written has been read."""
        self.count = 0
        self.kept_back = False
        self._repeats = 0
        self._heard_text = True
        if self._noted:
            self._noted = False
            with suppress(OSError):
                self._file().unlink(missing_ok=True)

    @property
    def silent(self) -> bool:
        """Whether the last that was written is no longer on its way."""
        return bool(self.count) and time.monotonic() - self._last_s > _SILENT_S / 2

    # The note

    def note(self) -> None:
        """Leaves it for whoever opens the port next."""
        if self.count <= _NOTED_BYTES:
            return
        with suppress(OSError):  # unplugged; or there is no room for it
            plugged = _plugged(self._path)
            note = {"plugged": plugged, "bytes": self.count, "at_s": time.time()}
            file = self._file()
            file.parent.mkdir(mode=0o700, exist_ok=True)
            if file.parent.stat().st_uid == os.getuid():
                new = file.with_suffix(".new")
                new.write_text(json.dumps(note), "utf-8")
                new.replace(file)
                self._noted = True

    def _load(self) -> None:
        try:
            file = self._file()
            text = file.read_text("utf-8")
            self._noted = True
            if file.stat().st_uid != os.getuid():
                return  # the temporary folder is everybody's
            note = json.loads(text)
            # Whoever else has written to the port has likely pressed Ctrl-C there.
            written_s = os.stat(self._path).st_mtime
            if note["plugged"] == _plugged(self._path) and written_s <= note["at_s"]:
                self.count = int(note["bytes"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there is none, or it is not ours

    def _file(self) -> Path:
        folder = Path(tempfile.gettempdir(), f"picolink-usb-{os.getuid()}")
        return folder / (self._path.strip("/").replace("/", "-") + ".json")


def _plugged(path: str) -> list[int]:
    """Another one whenever the board was plugged in, or reset: its port is made anew then."""
    status = os.stat(path)
    return [status.st_rdev, status.st_ino, status.st_ctime_ns]


def forget(path: str) -> None:
    """The board at `path` is known to have read, or thrown away, all that was written."""
    Unanswered(path).answered()
