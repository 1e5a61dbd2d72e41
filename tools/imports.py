"""What modules import, read from their sources; for the tests too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def imports_of(path: Path, src: Path) -> list[tuple[int, str]]:
    """(line, absolute dotted name) of all that the module below `src` imports when it runs, at any
    depth."""
    tree = ast.parse(path.read_text("utf-8"), str(path))
    return list(_within(tree, path.relative_to(src).parent.parts))


def _within(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("MYPY", "TYPE_CHECKING"):
            yield from _within(ast.Module(node.orelse, []), package)
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package[: len(package) - node.level + 1]
                base = ".".join(up + ((node.module,) if node.module else ()))
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        yield from _within(node, package)
