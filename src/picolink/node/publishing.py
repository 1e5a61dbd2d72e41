"""Putting items into subscribers' queues, encoded once for all of them."""

from ..core.values import encode

MYPY = False
if MYPY:
    from typing import Any

    from .node import Node
    from .topics import Outgoing


def put(node: "Node", subscribers: "list[Outgoing]", value: "Any") -> None:
    """Queues `value` for each subscriber. A queue that runs full is sent from at once, so that a
    program that publishes without a pause loses nothing while the link keeps up. One that takes no
    such value (an MQTT topic, a characteristic) is no matter of the others."""
    item = encode(value)
    for outgoing in subscribers:
        try:
            if outgoing.queue and outgoing.limit > 1 and outgoing.full():
                attach = outgoing.session.attach
                if attach is not None:
                    attach.port.drain()
            if not outgoing.queue:
                node.kick(outgoing.session)
            outgoing.put(item)
        except Exception as error:
            from .trace import tell_once

            tell_once(outgoing, error)
