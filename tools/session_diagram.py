"""Draws the state diagram of a session in docs/session.md from the table in core/states.py, and
lists what each state ignores, from tests/ignored_events.py.

usage: python tools/session_diagram.py [--check]
"""

from __future__ import annotations

import sys

from pages import ROOT, renew

sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ignored_events import IGNORED  # noqa: E402

from picolink.core import states  # noqa: E402

BEGIN = "<!-- made by tools/session_diagram.py: core/states.py, tests/ignored_events.py -->\n"


def diagram() -> str:
    """The table as a mermaid diagram; events that lead the same way share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, row in states.TRANSITIONS.items():
        for event, to in row.items():
            arrows.setdefault((state, to), []).append(event)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {states.NEW}"]
    for (state, to), events in arrows.items():
        lines.append(f"    {state} --> {to}: {', '.join(events)}")
    lines += [f"    {states.CLOSED} --> [*]", "```"]
    return "\n".join(lines) + "\n"


def ignored() -> str:
    """What each state ignores on purpose, as a table; events with one reason share a row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for state, row in IGNORED.items():
        for event, why in row.items():
            rows.setdefault((state, why), []).append(event)
    lines = ["| state | ignores | because |", "| --- | --- | --- |"]
    lines += [f"| {state} | {', '.join(events)} | {why} |" for (state, why), events in rows.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    renew(ROOT / "docs" / "session.md", BEGIN, diagram() + "\n" + ignored())
