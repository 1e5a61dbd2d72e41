"""`sys.describe`: what a node is and offers, for people and for tools."""

import sys

MYPY = False
if MYPY:
    from typing import Any

    from ..node.talk import Talk


def serve(talk: "Talk", ref: int) -> "dict[str, Any]":
    """Name, identity, firmware, and every command, stream and reading with what it takes."""
    node = talk.node
    commands = {}
    for name, command in node.commands.items():
        commands[name] = {
            "args": [list(item) for item in command.declared or ()],
            "declared": command.declared is not None,
            "help": command.help,
            "stream": command.stream,
            "blocking_s": command.blocking_s,
        }
    readings = {
        name: {"unit": reading.unit, "every_s": reading.every_ms / 1000, "help": reading.help}
        for name, reading in node.readings.items()
    }
    return {
        "name": node.name,
        "uid": "".join("%02x" % byte for byte in node.endpoint.uid),
        "firmware": "%s %s"
        % (sys.implementation.name, ".".join(str(part) for part in sys.implementation.version[:3])),
        "machine": getattr(sys.implementation, "_machine", sys.platform),
        "links": [driver.link.address for driver in node.drivers]
        + [listener.address for listener, _ in node.listeners],
        "commands": commands,
        "readings": readings,
    }
