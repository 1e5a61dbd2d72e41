"""Draws which folder of src/ needs which, in docs/architecture.md, from the imports in the code.

usage: python tools/architecture.py [--check]
"""

from __future__ import annotations

from imports import imports_of
from pages import ROOT, renew

SRC = ROOT / "src"
PACKAGE = SRC / "picolink"
BEGIN = "<!-- made by tools/architecture.py from the imports -->\n"


def folders() -> list[str]:
    """The folders of the package."""
    return sorted({path.parent.name for path in PACKAGE.glob("*/*.py")})


def arrows() -> dict[str, set[str]]:
    """Each folder, and those that it needs; not those that it needs only by way of another."""
    known = folders()
    needs = {
        folder: {
            other
            for path in (PACKAGE / folder).rglob("*.py")
            for _, name in imports_of(path, SRC)
            for other in name.split(".")[1:2]
            if name.startswith("picolink.") and other in known and other != folder
        }
        for folder in known
    }
    return {
        folder: {
            other
            for other in others
            if not any(other in needs[between] for between in others - {other})
        }
        for folder, others in needs.items()
    }


def picture() -> str:
    """The arrows as a mermaid diagram."""
    lines = ["```mermaid", "flowchart TD"]
    for folder, others in sorted(arrows().items()):
        lines += [f"    {folder} --> {other}" for other in sorted(others)]
    lines += ["    links -. entry point .-> picosim", "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    renew(ROOT / "docs" / "architecture.md", BEGIN, picture())
