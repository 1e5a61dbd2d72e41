"""`sys.log`: what a program prints, as a topic. Over USB it comes as text anyway; this is for
the other links. Captured only while somebody subscribes."""

from ...core.errors import BadArguments
from ..invoke import guarded

MYPY = False
if MYPY:
    from typing import Any

    from ..node import Node
    from ..talk import Talk

_kept: "list[str]" = []
_KEEP = 32
_LONGEST = 200  # characters of a line


def serve(talk: "Talk", ref: int, line: str = "") -> "list[str]":
    """The last lines; `line` is added first, so that a peer can leave a note."""
    if not isinstance(line, str):
        raise BadArguments("line=%r: it takes a text" % (line,))
    if line:
        log(talk.node, line)
    return list(_kept)


def log(node: "Node", line: str) -> None:
    """Adds a line to the node's log and sends it to whoever subscribed."""
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 3] + "..."
    _kept.append(line)
    del _kept[:-_KEEP]
    node.publish("sys.log", line)


def subscribed(node: "Node") -> None:
    """Somebody wants the log: what is printed from now on goes there too."""
    import os

    if hasattr(os, "dupterm") and _Capture.node is None:
        _Capture.node = node
        _install(os)


def _told(node: "Node", line: bytes) -> None:
    log(node, str(line.rstrip(b"\r"), "utf-8"))


class _Capture:
    node: "Node | None" = None


def _install(os: "Any") -> None:
    import io

    from micropython import schedule

    from ...links.buffer import shared
    from ...links.ctrl_c import ctrl_c

    class Stream(io.IOBase):  # a second console, which only listens
        held = b""

        def write(self, data: "Any") -> int:
            try:
                if not shared.framed:  # by the USB link
                    self._take(data)
            except KeyboardInterrupt:  # the program's: the firmware would take the console away
                schedule(ctrl_c, None)
            return len(data)

        def _take(self, data: "Any") -> None:
            lines = (self.held + bytes(data)).split(b"\n")
            self.held = lines.pop()[-200:]
            for line in lines:
                if _Capture.node is not None:
                    guarded(_Capture.node, _told, _Capture.node, line)

        def readinto(self, buffer: "Any") -> None:
            return None

        def ioctl(self, request: int, arg: int) -> int:
            return 0

    os.dupterm(Stream())
