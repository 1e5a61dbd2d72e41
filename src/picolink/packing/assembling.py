"""Puts together all that a board gets: joined, apart, compiled; and says how large it is.
Host only."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..core.errors import UsageError
from .apart import take_apart
from .bundling import Source, join, loaded_with, redirect, relative
from .compiling import cache_folder, compile_source, compiler_version, without_types
from .contents import CHECKOUT, FOLDERS, GROUPS, MIP_BASE, ROOTS, STARTING, board_sources
from .kept import key_of, remembered
from .lines import LINES, origins_of, printed, relabel, shown_file
from .slimming import constants, lean, own_builtins


def compile_all(
    groups: Iterable[str] = ("usb",),
    *,
    march: str | None = None,
    joined: bool = True,
    lines: str = "spare",
) -> dict[str, bytes]:
    """All modules of the groups: place below /lib ("picolink/__init__.mpy") -> .mpy.

    What every node loads is joined into one module (see `bundling`). With ``joined=False`` each
    file stays itself. `lines`: "all" for the line numbers of all statements, "spare" for as many as
    take no memory (see `lines`), "none".
    """
    if lines not in LINES:
        raise UsageError(f"lines={lines!r}: use {', '.join(LINES)}")
    groups = list(groups)
    options = (sorted(groups), march, joined, lines, compiler_version())
    return remembered(
        cache_folder(),
        key_of(options, board_texts(GROUPS)),
        lambda: _compile_all(groups, march, joined, lines),
    )


def _compile_all(
    groups: list[str], march: str | None, joined: bool, lines: str
) -> dict[str, bytes]:
    texts = board_texts(groups)
    if joined:
        # All are joined, so that a module is the same whatever else is packed: what is installed
        # can be added to.
        every = board_texts(GROUPS)
        modules = {
            name: printed(tree)
            for name, tree in join_loaded(every).items()
            if name in texts or name not in every
        }
    else:
        modules = {name: (text, origins_of(name, text)) for name, text in texts.items()}
    compiled = {}
    for name, (text, origins) in modules.items():
        place = name.replace(".", "/")
        optimize = 3 if lines == "none" else 2
        data = compile_source(text, shown_file(name, origins), optimize=optimize, march=march)
        if lines != "none":
            data = relabel(data, origins, spare=lines == "spare")
        compiled[f"{place}.mpy"] = data
    return compiled


def board_texts(groups: Iterable[str]) -> dict[str, str]:
    """Dotted name -> source without types, of the modules of the groups."""
    texts = {}
    for place, path in board_sources(groups).items():
        name = place.removesuffix(".py").replace("/", ".")
        texts[name] = without_types(path.read_text("utf-8"))
    return texts


def join_loaded(texts: dict[str, str]) -> dict[str, ast.Module]:
    """The modules of a board, those that load with the roots joined into the package itself."""
    inside = loaded_with(ROOTS, texts)
    others = {name: text for name, text in texts.items() if name not in inside}
    bundle = join({name: texts[name] for name in sorted(inside)}, others)
    bundle.tree.body[:0] = own_builtins(bundle.tree)
    result = take_apart(bundle.tree, bundle.door, bundle.keep)
    rest: dict[str, Source] = {name: redirect(name, others[name], bundle) for name in others}
    for folder in FOLDERS:
        if f"{folder}.__init__" in others:
            rest = _join_folder(folder, rest)
    wanted = _imported(rest.values())
    for name, tree in rest.items():
        assert isinstance(tree, ast.Module)
        own = {name: value for name, value in constants(tree).items() if name not in wanted}
        tree = lean(tree, own, set())
        if tree.body or not name.endswith(".__init__"):  # a folder needs no empty file
            result[name] = tree
    return {name: relative(name, tree) for name, tree in result.items()}


def _imported(modules: Iterable[Source]) -> set[str]:
    """The names that modules take from others: by an import, or as an attribute."""
    found: set[str] = set()
    for module in modules:
        assert isinstance(module, ast.Module)
        for node in ast.walk(module):
            if isinstance(node, ast.ImportFrom):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


def _join_folder(folder: str, modules: Mapping[str, Source]) -> dict[str, Source]:
    """The modules of a board, those of a folder that load together joined into the folder's own."""
    within = {name: module for name, module in modules.items() if name.startswith(folder + ".")}
    inside = loaded_with([folder], within)
    others = {name: module for name, module in modules.items() if name not in inside}
    bundle = join({name: modules[name] for name in sorted(inside)}, others)
    result: dict[str, Source] = {name: redirect(name, others[name], bundle) for name in others}
    result[f"{folder}.__init__"] = bundle.tree
    return result


def loaded_bytes(groups: Iterable[str] = ("usb",)) -> dict[str, int]:
    """Bytes of .mpy that a board loads for a node with the groups' links (armv6m, no lines).

    That is the joined module, what the start needs, and each group's own files; what is loaded
    only when wanted (the other modules of `base`) is not in it. `sizes` has them all.
    """
    groups = list(groups)
    own = [pattern.removesuffix(".py") for group in groups for pattern in GROUPS[group]]
    loaded = {f"picolink/{name}.mpy" for name in ["__init__", *STARTING, *own]}
    return {place: size for place, size in sizes(groups).items() if place in loaded}


def sizes(groups: Iterable[str] = ("usb",), *, joined: bool = True) -> dict[str, int]:
    """Bytes of .mpy per module (armv6m), without line numbers: those take no memory."""
    packed = compile_all(groups, march="armv6m", joined=joined, lines="none")
    return {place: len(data) for place, data in packed.items()}


def package_json(groups: Iterable[str] | None = None) -> str:
    """The text of `board/package.json`, by which `mip` installs the sources of all groups."""
    places = sorted(board_sources(GROUPS if groups is None else groups))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    urls = [[place, MIP_BASE + place] for place in places]
    return json.dumps({"version": project["version"], "deps": [], "urls": urls}, indent=1) + "\n"


def write_all(folder: Path, packed: Mapping[str, bytes]) -> int:
    """Writes what `compile_all` made below `folder`; returns the sum of the bytes."""
    for place, data in packed.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return sum(map(len, packed.values()))
