"""`sys.describe`: what a node is and offers, for people and for tools."""

import sys

MYPY = False
if MYPY:
    from typing import Any

    from ..talk import Talk

PROGRAM = "/main.py"
SOURCE_HELP = "/picolink-help.json"  # made from the program's source by `picolink install`


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
    _fill(commands, readings)
    return {
        "name": node.name,
        "uid": "".join("%02x" % byte for byte in node.endpoint.uid),
        "firmware": "%s %s"
        % (sys.implementation.name, ".".join(str(part) for part in sys.implementation.version[:3])),
        "machine": getattr(sys.implementation, "_machine", sys.platform),
        "links": [driver.link.address for driver in node.drivers]
        + [listener.address for listener, _ in node.listeners],
        "not_open": [(link, str(error)) for link, error in getattr(node, "failed", ())]
        + [(peer.address, peer.why) for peer in node.peers if not peer.connected]
        + [(at.address, at.state) for at, _ in node.listeners if _away(at)],
        "commands": commands,
        "readings": readings,
    }


def _away(listener: "Any") -> bool:
    """Whether it is a broker that does not serve us now (abilities.Reporting)."""
    return getattr(listener, "state", "connected") != "connected"


def _fill(commands: "dict[str, Any]", readings: "dict[str, Any]") -> None:
    """Adds what the program's source tells and its decorators left out."""
    try:
        told = _source_help()
        for name, (help, args, defaults) in told["commands"].items():
            if name in commands:
                about = commands[name]
                about["help"] = about["help"] or help
                if not about["declared"] and args is not None:
                    about["args"] = args
                    about["declared"] = True
                if [name for name, _ in about["args"]] == [name for name, _ in args or ()]:
                    about["defaults"] = defaults
        for name, help in told["readings"].items():
            if name in readings:
                readings[name]["help"] = readings[name]["help"] or help
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # not installed that way, or the program was changed since


def _source_help() -> "dict[str, Any]":
    """What the file tells of the program that is there now; ValueError where of another."""
    if sys.implementation.name != "micropython":
        raise ValueError
    import json
    from binascii import crc32

    crc = 0
    with open(PROGRAM, "rb") as program:
        while True:
            piece = program.read(512)
            if not piece:
                break
            crc = crc32(piece, crc)
    with open(SOURCE_HELP) as file:
        told: dict[str, Any] = json.loads(file.read())
    if told["crc32"] != "%08x" % crc:
        raise ValueError
    return told
