"""Two ends in one program, joined by queues, on both interpreters. What is sent arrives, once and
in order, whole: `loopback-listen:NAME` makes an end of each `loopback:NAME` that is opened."""

from ...core.errors import CannotConnect, LinkError

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

MTU_BYTES = 2048

_listening: "dict[str, LoopbackListener]" = {}


class LoopbackLink:
    """One end."""

    stream = False
    reliable = True
    window_bytes = 0
    pollable = None
    unsent = False
    rest = b""

    def __init__(self, address: str, mtu_bytes: int) -> None:
        self.address = address
        self.mtu_bytes = self.takes_bytes = mtu_bytes
        self.on_text: Callable[[bytes], object] = len
        self.on_ready: Callable[[], object] = int
        self.other: LoopbackLink | None = None
        self._queue: list[bytes] = []

    def receive(self) -> list[bytes]:
        """The packets that have come."""
        packets, self._queue = self._queue, []
        if not packets and self.other is None:
            raise LinkError("the other end was closed")
        return packets

    def send(self, packet: bytes) -> None:
        """Hands a packet to the other end."""
        other = self.other
        if other is None:
            raise LinkError("the other end was closed")
        other._queue.append(packet)
        other.on_ready()

    def write(self, text: bytes) -> None:
        """Hands text to the other end."""
        if self.other is not None:
            self.other.on_text(text)

    def flush(self) -> None:
        """Nothing is ever unsent."""

    def close(self) -> None:
        """Closes both ends."""
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.on_ready()


class LoopbackListener:
    """Makes an end of each one that is opened under its name."""

    pollable = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = "loopback-listen:" + name
        self.on_ready: Callable[[], object] = int
        self._new: list[LoopbackLink] = []

    def join(self, end: LoopbackLink) -> None:
        """Makes the other end of `end`."""
        mine = LoopbackLink("loopback:" + self.name, end.mtu_bytes)
        mine.other = end
        end.other = mine
        self._new.append(mine)
        self.on_ready()

    def watch(self, node: "Any", callback: "Callable[[], None]") -> "Any":
        """Has `callback` called when somebody dials."""
        return node.host.watch(self, callback)

    def accept(self) -> LoopbackLink | None:
        """The next end."""
        return self._new.pop(0) if self._new else None

    def close(self) -> None:
        """Listens no more."""
        _listening.pop(self.name, None)


def open_link(
    scheme: str, where: str, options: dict[str, str], timeout_s: float = 10
) -> LoopbackLink | LoopbackListener:
    """Opens `loopback:NAME` or `loopback-listen:NAME`."""
    if scheme == "loopback-listen":
        if where in _listening:
            raise CannotConnect("loopback:%s is in use: choose another name" % where)
        _listening[where] = listener = LoopbackListener(where)
        return listener
    if where not in _listening:
        raise CannotConnect("nothing in this program listens on loopback-listen:%s" % where)
    link = LoopbackLink("loopback:" + where, int(options.get("mtu") or MTU_BYTES))
    _listening[where].join(link)
    return link


async def open_async(
    scheme: str, where: str, options: dict[str, str]
) -> LoopbackLink | LoopbackListener:
    """The same, for asyncio."""
    return open_link(scheme, where, options)
