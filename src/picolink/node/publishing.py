"""Putting items into subscribers' queues, encoded once for all of them."""

from .outgoing import item_of

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node
    from .outgoing import Outgoing


def put(node: "Node", subscribers: "list[Outgoing]", value: "Any") -> None:
    """Queues `value` for each subscriber. A queue that runs full is sent from at once, so that a
    program that publishes without a pause loses nothing while the link keeps up."""
    item = item_of(value)
    if node.aside is not None:  # a thread of the program's: another one drives the links
        with node.host.lock:
            put_item(node, subscribers, item)
    else:
        put_item(node, subscribers, item)


def put_item(node: "Node", subscribers: "list[Outgoing]", item: "tuple[int, bytes]") -> None:
    """The same with a value that was encoded; on a host the lock is held."""
    for outgoing in subscribers[:]:  # one that is lost meanwhile leaves them
        try:
            if outgoing.limit > 1 and outgoing.full(len(item[1])):
                attach = outgoing.session.attach
                if attach is not None:
                    attach.port.drain()
            if not outgoing.queue:
                node.kick(outgoing.session)
            outgoing.put(item)
        except Exception as error:  # it is missed by this one only
            node.report(error)
