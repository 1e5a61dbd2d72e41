"""Native MQTT topics: what a node offers, for tools that know nothing of picolink."""

MYPY = False
if MYPY:
    from typing import Any

    from ...node import Node
    from .broker import Mqtt


def serve(broker: "Any", node: "Node") -> "Mqtt":
    """Serves the node on a broker: an `Mqtt`, or an address."""
    from .broker import Mqtt

    opened: Mqtt = Mqtt(broker) if isinstance(broker, str) else broker
    opened.open(node)
    return opened
