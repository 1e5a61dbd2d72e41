"""Draws the state diagram of a session in docs/session.md from the table in core/states.py, and
lists what each state ignores, from core/ignored.py.

usage: python tools/session_diagram.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from picolink.core import states  # noqa: E402
from picolink.core.ignored import IGNORED  # noqa: E402

PAGE = ROOT / "docs" / "session.md"
BEGIN = "<!-- made by tools/session_diagram.py from core/states.py and core/ignored.py -->\n"
END = "<!-- end of what is made -->\n"


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


def page() -> str:
    """docs/session.md with the diagram and the table as they should be."""
    text = PAGE.read_text("utf-8")
    before, found, rest = text.partition(BEGIN)
    _, also, after = rest.partition(END)
    if not (found and also):
        raise SystemExit(f"{PAGE.name} has lost the marks between which the diagram stands")
    return before + BEGIN + diagram() + "\n" + ignored() + END + after


def main() -> None:
    new = page()
    if "--check" in sys.argv[1:]:
        if new != PAGE.read_text("utf-8"):
            raise SystemExit("docs/session.md is out of date: run python tools/session_diagram.py")
        return
    PAGE.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
