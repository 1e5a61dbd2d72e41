"""Where our code calls the program's: each such place is behind the border, and is listed here."""

from __future__ import annotations

import ast
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src" / "picolink"
CPYTHON_ONLY = "reads the sources"

#: Names under which functions of the program's are kept.
KEPT = {
    "function", "callback", "taker", "takers", "on_log", "_on_log", "on_error", "handler", "on_up",
    "on_down", "on_fail",
}  # fmt: skip

#: File -> how many calls of such a name stand in it, and what guards them.
PLACES = {
    "node/invoke.py": (2, "the border itself: `guarded` and `call`"),
    "node/client/subscription.py": (
        1,
        "`_each`: guarded there, each item; no time for `call`",
    ),
    "node/host/callbacks.py": (1, "`perform`: whoever has it run guards it"),
    "node/traceback.py": (1, "on_error: `report` guards it"),
    "node/after.py": (1, "ours: a timer of `Node.tick`, which guards it"),
    "node/host/signals.py": (2, "a signal's handler: what it raises is for the program"),
    "node/node.py": (1, "`begin`: in the program's own call"),
    "node/opening.py": (1, "on_start: the program's own start"),
    "node/features/deep_sleep/__init__.py": (1, "on_start: the program's own start"),
    "node/features/registers.py": (2, "`_call` is `guarded`; `_byte_of` is what it calls"),
    "node/features/deep_sleep/deliver.py": (1, "readings of a waking: guarded there, each one"),
    "net/clock.py": (1, "`Clock.call`, which a node replaces by `invoke.call`"),
    "links/mqtt/sockets_board.py": (2, "ours: the connection's reader, which lets nothing out"),
    "links/mqtt/sockets_host.py": (1, "the same"),
    "links/mqtt/client.py": (1, "`_guarded`, by the same rules"),
}

#: What hands such functions to the border.
BORDER = {"call", "guarded", "perform", "_guarded", "_failed"}


def calls_of(tree: ast.AST) -> list[int]:
    """The lines where something kept under one of these names is called directly."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = ""
            if isinstance(function, ast.Attribute):
                name = function.attr
            elif isinstance(function, ast.Name):
                name = function.id
            if name in KEPT:
                lines.append(node.lineno)
    return lines


def test_every_call_from_our_loops_into_the_program_is_behind_the_border() -> None:
    found = {}
    for folder in ("node", "links", "net"):
        for path in sorted((SRC / folder).rglob("*.py")):
            lines = calls_of(ast.parse(path.read_text("utf-8")))
            if lines:
                found[path.relative_to(SRC).as_posix()] = lines
    unknown = {file: lines for file, lines in found.items() if file not in PLACES}
    assert not unknown, f"calls of the program's functions outside of the border: {unknown}"
    for file, (most, why) in PLACES.items():
        lines = found.get(file, [])
        assert len(lines) <= most, f"{file} calls at {lines}; known are {most}: {why}"


def test_commands_of_every_dialect_run_through_the_border() -> None:
    """Sessions, services that run users' functions, typed lines, dialects, MQTT and Bluetooth
    texts, readings, subscribers, pins, registers, deliveries, streams."""
    for file in (
        "node/talk.py", "node/special.py", "node/streams.py", "node/services/__init__.py",
        "node/services/deliver.py", "node/readings.py", "node/client/subscription.py",
        "node/features/typed.py", "node/features/dialect.py",
        "node/features/plain_payload.py", "node/features/button.py",
        "node/features/registers.py",
    ):  # fmt: skip
        tree = ast.parse((SRC / file).read_text("utf-8"))
        names = {
            n.func.id
            for n in ast.walk(tree)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert names & BORDER, f"{file} runs functions of the program's past the border"
