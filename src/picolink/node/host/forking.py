"""After a fork: what was connected is the parent's, the child says nothing on it (CPython only).

Both processes have the sockets, the numbers of the packets and the list of what asyncio polls. What
the child did with them, were it only to let go of a subscription as it ends, would be the parent's.
"""

from __future__ import annotations

from ...core.errors import UsageError
from ..node import Node


def let_go(node: Node) -> None:
    """Takes `node` off its links, and has its peers say why."""
    for peer in node.peers:
        peer.failed = UsageError(
            f"the connection to {peer.address} was made before this process was forked: "
            "connect anew in the child"
        )
    for driver in node.drivers:
        # A lock on a port, or how it was set, would go with it.
        driver.link.close = int  # type: ignore[method-assign, assignment]
        port = driver.port
        port.lost = True  # so that nobody greets there
        port.attach = port.other = port.answered = port.dialer = None
        port.queue.clear()
    node.drivers.clear()
    node.topics.clear()
    for session in node.endpoint.sessions.values():
        session.attach = None
