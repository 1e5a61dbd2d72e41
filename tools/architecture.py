"""Draws which folder of src/ needs which, in docs/architecture.md, from the imports in the code.

usage: python tools/architecture.py [--check]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "picolink"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- made by tools/architecture.py from the imports -->\n"
END = "<!-- end of what is made -->\n"


def folders() -> list[str]:
    """The folders of the package."""
    return sorted({path.parent.name for path in PACKAGE.glob("*/*.py")})


def needed(path: Path) -> Iterator[str]:
    """The folders that a module imports from when it runs."""
    todo: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    inside = path.relative_to(PACKAGE).parent.parts
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("MYPY", "TYPE_CHECKING"):
            todo += node.orelse
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            module = tuple(node.module.split(".")) if node.module else ()
            full = inside[: len(inside) - node.level + 1] + module
            yield from full[:1] or (alias.name for alias in node.names)
        todo += ast.iter_child_nodes(node)


def arrows() -> dict[str, set[str]]:
    """Each folder, and those that it needs; not those that it needs only by way of another."""
    known = folders()
    needs = {
        folder: {
            other
            for path in (PACKAGE / folder).rglob("*.py")
            for other in needed(path)
            if other in known and other != folder
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
    lines += ["    sim -. entry point .-> picosim", "```"]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/architecture.md with the picture as it should be."""
    text = PAGE.read_text("utf-8")
    before, found, rest = text.partition(BEGIN)
    _, also, after = rest.partition(END)
    if not (found and also):
        raise SystemExit(f"{PAGE.name} has lost the marks between which the picture stands")
    return before + BEGIN + picture() + END + after


def main() -> None:
    new = page()
    if "--check" in sys.argv[1:]:
        if new != PAGE.read_text("utf-8"):
            raise SystemExit("the picture is not that of the code: python tools/architecture.py")
    else:
        PAGE.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
