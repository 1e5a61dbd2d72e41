"""Connections that others have opened: how many there may be, and how long one may stay without
saying hello (spec 14)."""

import sys

from .driver import Driver

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node

if sys.implementation.name == "micropython":
    _MOST = 8
else:
    _MOST = 64
_SILENT_MS = 60000  # for a connection that never said anything
_LOOK_MS = 10000
_AGAIN_MS = 1000  # after no more could be taken


class Connections:
    """Those of one listener."""

    def __init__(self, node: "Node", listener: "Any") -> None:
        self._node = node
        self._listener = listener
        self._open: list[tuple[Driver, int]] = []  # the oldest first, and since when
        self._due_ms = 0
        self._watch: Any = None
        self._begin()
        node.listeners.append((listener, self))
        node.on_tick.append(self._tick)

    def _begin(self) -> None:
        self._watch = self._listener.watch(self._node, self._accept)

    def stop(self) -> None:
        """Nobody is taken any more."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        if self._tick in self._node.on_tick:
            self._node.on_tick.remove(self._tick)

    def _accept(self) -> None:
        """Somebody has opened a connection."""
        node = self._node
        try:
            link = self._listener.accept()
        except Exception as error:  # no room for one more, in the system: it would ask for ever
            if not self._drop_one():
                node.report(error)
                self._pause()
            return
        if link is None:
            return
        self._forget()
        if len(self._open) >= max(_MOST, 2 * node.endpoint.max_sessions) and not self._drop_one():
            link.close()
            return
        try:
            driver = Driver(node, link)
        except Exception:
            link.close()
            raise
        driver.opened = self._listener.address
        self._open.append((driver, node.now_ms()))
        self._look_by(node.now_ms() + _LOOK_MS)

    def _forget(self) -> None:
        """Those that are closed are no more."""
        drivers = self._node.drivers
        self._open = [entry for entry in self._open if entry[0] in drivers]

    def _drop_one(self) -> bool:
        """Closes the oldest connection without a session, one that said nothing first; False
        where there is none."""
        self._forget()
        for spoken in (False, True):
            for driver, _ in self._open:
                if driver.port.attach is None and driver.spoken() == spoken:
                    driver.lost("others have connected since")
                    return True
        return False

    def _pause(self) -> None:
        """Takes nobody for a moment."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        self._look_by(self._node.now_ms() + _AGAIN_MS)

    def _look_by(self, at_ms: int) -> None:
        if not self._due_ms or at_ms < self._due_ms:
            self._due_ms = at_ms
            self._node.host.call_by(at_ms)

    def _tick(self, now_ms: int) -> int | None:
        """Closes connections that say nothing; returns when to look again."""
        if not self._due_ms or now_ms < self._due_ms:
            return self._due_ms or None
        self._due_ms = 0
        if self._watch is None:
            self._begin()
        self._forget()
        for driver, since_ms in self._open:
            if now_ms - since_ms >= _SILENT_MS and driver.port.attach is None:
                if not driver.spoken():
                    driver.lost("it never said hello")
        self._forget()
        if self._open:
            self._due_ms = now_ms + _LOOK_MS
        return self._due_ms or None
