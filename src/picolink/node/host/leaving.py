"""What was published just before a connection is closed gets there (CPython only)."""

from __future__ import annotations

from ...core.packets import ITEMS
from ...core.session import Session
from ..node import Node

LONGEST_MS = 1000  # that closing waits for it


def under_way(node: Node, session: Session) -> bool:
    """Whether there is a link, and the peer does not have all that was published for it."""
    if session.attach is None:
        return False
    refs = set()
    for queues in list(node.topics.values()):
        for outgoing in list(queues):
            if outgoing.session is session:
                if outgoing.queue:
                    return True
                refs.add(outgoing.ref)
    for lane in (session.out.short, session.out.long):
        for message in lane.open + lane.waiting:
            if message.kind & 0x0F == ITEMS and message.ref in refs:
                return True
    return False
