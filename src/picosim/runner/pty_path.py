"""A serial port of the host as a path: a pty that comes and goes, and is told when it is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from picosim.base import system
from picosim.base.events import EventLoop


class PtyPath:
    """`readable()` is called when the host has written (to `master`); `moved(before, closed)` when
    programs opened or closed the path: how many had it open before, and whether the last of them
    has gone since (unread bytes are gone then). `openers` is how many have it open."""

    def __init__(
        self,
        loop: EventLoop,
        path: Path,
        readable: Callable[[], None],
        moved: Callable[[int, bool], None],
    ) -> None:
        self._loop = loop
        self._path = path
        self._readable = readable
        self._moved = moved
        self.openers = 0
        self.master = self.slave = -1
        self._watch: system.OpenWatch | None = None

    def appear(self) -> bool:
        """Make the path; False: it is there."""
        if self.master >= 0:
            return False
        self.master, self.slave = system.open_pty()
        name = os.ttyname(self.slave)
        os.set_blocking(self.master, False)
        self._watch = system.OpenWatch(name)
        self.openers = 0
        self._loop.on_readable(self._watch.fd, self._opened_or_closed)
        self._loop.on_readable(self.master, self._readable)
        new = self._path.with_name(self._path.name + ".new")
        new.unlink(missing_ok=True)
        new.symlink_to(name)
        new.replace(self._path)
        return True

    def vanish(self) -> bool:
        """Remove it: whoever had it open sees it hang up. False: it was not there."""
        if self.master < 0:
            return False
        assert self._watch
        for fd in (self._watch.fd, self.master):
            self._loop.on_readable(fd, None)
        self._watch.close()
        self._path.unlink(missing_ok=True)
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1
        self.openers = 0
        return True

    def _opened_or_closed(self) -> None:
        assert self._watch
        changes = self._watch.changes()
        while changes:
            changes = self._note(changes, self._watch)

    def _note(self, changes: list[int], watch: system.OpenWatch) -> list[int]:
        before = count = self.openers
        closed = False
        later: list[int] = []
        for change in changes:
            count = max(0, count + change)
            closed = closed or not count
        self.openers = count
        if min(changes) < 0:
            # Events that are alike and not read yet are told as one: who is left is counted.
            left = system.openers(os.ttyname(self.slave))
            later = watch.changes()
            self.openers = max(0, left - sum(later))
        closed = closed and self.openers == count
        if closed:
            system.reset_port(self.slave)
        self._moved(before, closed)
        return later
