"""Tracebacks of boards, with the files of the sources where several are joined. Host only.

A board's says `File "picolink/*.py", line 212, in publish`: line 212 of that source file which has
`publish` there (see `lines`). A line may stand for the few that follow it. Sources of the version
that the board has are taken for granted.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from .assembling import board_texts
from .bundling import loaded_with
from .contents import FOLDERS, GROUPS, ROOTS

_FRAME = re.compile(r'"(picolink[\w/]*)/\*\.py", line (\d+), in ([\w<>]+)')
_NAMELESS = {
    ast.Lambda: "<lambda>",
    ast.ListComp: "<listcomp>",
    ast.DictComp: "<dictcomp>",
    ast.SetComp: "<setcomp>",
    ast.GeneratorExp: "<genexpr>",
}


class Place(NamedTuple):
    """A function in a source."""

    file: str
    first: int
    last: int
    lines: list[str]  # of the whole file

    def has(self, line: int) -> bool:
        """Whether `line` is one of its own, and not blank."""
        return self.first <= line <= self.last and bool(self.lines[line - 1].strip())


def located(text: str) -> str:
    """`text`, for instance a traceback, with the source files in place of `*.py`."""
    return _FRAME.sub(_located, text)


def unknown(text: str) -> int:
    """How many places of a text that was `located` are in no source of this version."""
    return len(_FRAME.findall(text))


def _located(frame: re.Match[str]) -> str:
    folder, line, name = frame[1], int(frame[2]), frame[3]
    places = _functions(folder).get(name, [])
    found = [place for place in places if place.has(line)]
    if not found and line == 1 and len(places) == 1:  # too short for a line of its own
        found, line = places, places[0].first
    if not found:
        return frame[0]
    files = " or ".join(dict.fromkeys(f'"{place.file}"' for place in found))
    return f"{files}, line {line}, in {name}"


@functools.cache
def _functions(folder: str) -> dict[str, list[Place]]:
    """Where the functions are that are joined in a folder, by the names that boards have."""
    package = folder.replace("/", ".")
    roots = [package] if package in FOLDERS else ROOTS
    texts = {
        name: text
        for name, text in board_texts(GROUPS).items()
        if name.startswith(package + ".") or roots is ROOTS
    }
    found: dict[str, list[Place]] = {}
    for module in loaded_with(roots, texts):
        file = module.replace(".", "/") + ".py"
        stem = module.removesuffix(".__init__").rpartition(".")[2]
        lines = texts[module].split("\n")
        for name, first, last in _within(ast.parse(texts[module])):
            for known in (name, f"{name}_{stem}"):  # of two that have one name: see `bundling`
                found.setdefault(known, []).append(Place(file, first, last, lines))
    return found


def _within(node: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Name, first and last line of each function in a tree."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([child.lineno, *(one.lineno for one in child.decorator_list)])
            last = child.end_lineno or first
            yield child.name, first, last
        elif type(child) in _NAMELESS:
            assert isinstance(child, ast.expr)
            yield _NAMELESS[type(child)], child.lineno, child.end_lineno or child.lineno
        yield from _within(child)
