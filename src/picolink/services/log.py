"""`sys.log`: what a program prints, as a topic. Over USB it comes as text anyway; this is for
the other links. Captured only while somebody subscribes."""

MYPY = False
if MYPY:
    from typing import Any

    from ..node.node import Node
    from ..node.talk import Talk

_kept: "list[str]" = []
_KEEP = 32


def serve(talk: "Talk", ref: int, line: str = "") -> "list[str]":
    """The last lines; `line` is added first, so that a peer can leave a note."""
    if line:
        log(talk.node, line)
    return list(_kept)


def log(node: "Node", line: str) -> None:
    """Adds a line to the node's log and sends it to whoever subscribed."""
    _kept.append(line)
    del _kept[:-_KEEP]
    node.publish("sys.log", line)


def subscribed(node: "Node") -> None:
    """Somebody wants the log: what is printed from now on goes there too."""
    import os

    if hasattr(os, "dupterm") and _Capture.node is None:
        _Capture.node = node
        _install(os)


class _Capture:
    node: "Node | None" = None


def _install(os: "Any") -> None:
    import io

    class Stream(io.IOBase):  # a second console, which only listens
        held = b""

        def write(self, data: "Any") -> int:
            if data[0] == 0:  # a frame of the USB link, always written whole
                return len(data)
            lines = (self.held + bytes(data)).split(b"\n")
            self.held = lines.pop()[-200:]
            for line in lines:
                text = line.rstrip(b"\r")
                if _Capture.node is not None:
                    log(_Capture.node, str(text, "utf-8"))
            return len(data)

        def readinto(self, buffer: "Any") -> None:
            return None

        def ioctl(self, request: int, arg: int) -> int:
            return 0

    os.dupterm(Stream())
