"""Session packets over a broker: a datagram link, whose ends are two topics (spec 10.1).

    <prefix>/<node>/_s/<id>/in      from whoever dials, who makes up the id
    <prefix>/<node>/_s/<id>/out     from the node

An empty message ends it; whoever dials leaves one as its will. At QoS 0: the session sends again
what is lost.
"""

from ...core.failure import LinkError

MYPY = False
if MYPY:
    from collections.abc import Callable

    from .client import Client

MTU_BYTES = 2048
_LARGE_BYTES = 512  # behind such a packet likely comes another


class MqttLink:
    """One end, over a connected client."""

    stream = False
    reliable = False
    pollable = None
    unsent = False
    window_bytes = 0
    mtu_bytes = takes_bytes = MTU_BYTES

    def __init__(
        self, client: "Client", address: str, topic: str, on_close: "Callable[[], object]"
    ) -> None:
        self.address = address
        self.why = ""
        self.on_text: Callable[[bytes], object] = len
        self.on_ready: Callable[[], object] = int
        self._client = client
        self._topic = topic  # of what we send
        self._on_close = on_close
        self._packets: list[bytes] = []

    def take(self, packet: bytes) -> None:
        """A packet has come; an empty one: the other end was closed."""
        if packet:
            self._packets.append(packet)
            if len(packet) >= _LARGE_BYTES:
                # The broker's system may hold the next one back until we say something (Nagle's
                # algorithm), for 40 ms or more: as long as ours waits for something to say.
                self._client.post(self._topic + "/x", b"")
            self.on_ready()
        else:
            self.end("the other end was closed")

    def end(self, why: str) -> None:
        """It is over."""
        if not self.why:
            self.why = why
            self.on_ready()

    def receive(self) -> "list[bytes]":
        """The packets that have come."""
        packets, self._packets = self._packets, []
        if not packets and self.why:
            raise LinkError(self.why)
        return packets

    def send(self, packet: bytes) -> None:
        """Sends a packet. What the connection has no room for is lost, as on the air."""
        if self.why:
            raise LinkError(self.why)
        self._client.post(self._topic, packet)

    def write(self, text: bytes) -> None:
        """There is no text on this link."""

    def flush(self) -> None:
        """Nothing is ever unsent."""

    def close(self) -> None:
        """Closes it, and tells the other end."""
        on_close, self._on_close = self._on_close, int
        if on_close is not int:
            if not self.why:
                self._client.post(self._topic, b"")
            self.why = "closed here"
            on_close()
