"""What a link is: a way to move packets, and three facts about itself. Nothing inherits it.

`receive` never waits: it returns the packets that have come. `send` takes a whole packet; what
the medium does not take at once stays in the link (`unsent` is true) until `flush`. What a link may
be able to do besides has a Protocol each in `abilities.py`.
"""

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Link(Protocol):
        """An open link."""

        address: str  # what opened it, as the user writes it
        mtu_bytes: int  # largest packet it carries
        takes_bytes: int  # largest packet that we want to receive
        window_bytes: int  # so many may be under way to us; 0: as many as the node takes
        stream: bool  # a stream of bytes (framed), or datagrams
        reliable: bool  # whether what it takes arrives, once and in order
        pollable: Any  # for select: a file descriptor on the host, a stream on a board; None: the
        # link calls its `on_ready`, or what its `watch(node, callback)` was given, when something
        # has come and when it takes more
        unsent: bool  # whether something waits to be sent, or more should
        rest: bytes  # what was written and waits
        on_text: Callable[[bytes], object]  # hears what is no packet

        def receive(self) -> list[bytes]:
            """The packets that have come; OSError or LinkError when the link is gone."""

        def send(self, packet: bytes) -> None:
            """Sends a packet, in one write; OSError or LinkError when the link is gone."""

        def write(self, text: bytes) -> None:
            """Sends plain text between packets, on links that carry any."""

        def flush(self) -> None:
            """Goes on with what was unsent."""

        def close(self) -> None:
            """Closes the link; a second time is no error."""
