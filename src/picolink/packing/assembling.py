"""Puts together all that a board gets: joined, apart, compiled; and says how large it is.
Host only."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

from .apart import take_apart
from .bundling import join, loaded_with, redirect, relative
from .compiling import cache_folder, compile_source, compiler_version, without_types
from .contents import CHECKOUT, FOLDERS, GROUPS, MIP_BASE, ROOTS, STARTING, board_sources
from .kept import key_of, remembered
from .slimming import own_builtins


def compile_all(
    groups: Iterable[str] = ("usb",),
    *,
    optimize: int = 3,
    march: str | None = None,
    joined: bool = True,
) -> dict[str, bytes]:
    """All modules of the groups: place below /lib ("picolink/__init__.mpy") -> .mpy.

    What every node loads is joined into one module (see `bundling`). With ``joined=False`` each
    file stays itself.
    """
    groups = list(groups)
    options = (sorted(groups), optimize, march, joined, compiler_version())
    return remembered(
        cache_folder(),
        key_of(options, board_texts(GROUPS)),
        lambda: _compile_all(groups, optimize, march, joined),
    )


def _compile_all(
    groups: list[str], optimize: int, march: str | None, joined: bool
) -> dict[str, bytes]:
    texts = board_texts(groups)
    if joined:
        texts = join_loaded(texts)
    compiled = {}
    for name, text in texts.items():
        place = name.replace(".", "/")
        data = compile_source(text, f"{place}.py", optimize=optimize, march=march)
        compiled[f"{place}.mpy"] = data
    return compiled


def board_texts(groups: Iterable[str]) -> dict[str, str]:
    """Dotted name -> source without types, of the modules of the groups."""
    texts = {}
    for place, path in board_sources(groups).items():
        name = place.removesuffix(".py").replace("/", ".")
        texts[name] = without_types(path.read_text("utf-8"))
    return texts


def join_loaded(texts: dict[str, str]) -> dict[str, str]:
    """The modules of a board, those that load with the roots joined into the package itself."""
    inside = loaded_with(ROOTS, texts)
    others = {name: text for name, text in texts.items() if name not in inside}
    bundle = join({name: texts[name] for name in sorted(inside)}, others)
    source = own_builtins(bundle.source) + bundle.source
    result = take_apart(source, bundle.door, bundle.keep)
    for name, text in others.items():
        stripped = redirect(name, text, bundle)
        if stripped.strip() or not name.endswith(".__init__"):  # a folder needs no empty file
            result[name] = stripped
    for folder in FOLDERS:
        if f"{folder}.__init__" in result:
            result = _join_folder(folder, result)
    return {name: relative(name, text) for name, text in result.items()}


def _join_folder(folder: str, texts: dict[str, str]) -> dict[str, str]:
    """The modules of a board, those of a folder that load together joined into the folder's own."""
    within = {name: text for name, text in texts.items() if name.startswith(folder + ".")}
    inside = loaded_with([folder], within)
    others = {name: text for name, text in texts.items() if name not in inside}
    bundle = join({name: texts[name] for name in sorted(inside)}, others)
    result = {name: redirect(name, text, bundle) for name, text in others.items()}
    result[f"{folder}.__init__"] = bundle.source
    return result


def loaded_bytes(groups: Iterable[str] = ("usb",)) -> dict[str, int]:
    """Bytes of .mpy that a board loads for a node with the groups' links (armv6m, -O3).

    That is the joined module, what the start needs, and each group's own files; what is loaded
    only when wanted (the other modules of `base`) is not in it. `sizes` has them all.
    """
    groups = list(groups)
    own = [pattern.removesuffix(".py") for group in groups for pattern in GROUPS[group]]
    loaded = {f"picolink/{name}.mpy" for name in ["__init__", *STARTING, *own]}
    return {place: size for place, size in sizes(groups).items() if place in loaded}


def sizes(groups: Iterable[str] = ("usb",), *, joined: bool = True) -> dict[str, int]:
    """Bytes of .mpy per module (armv6m, -O3)."""
    packed = compile_all(groups, march="armv6m", joined=joined)
    return {place: len(data) for place, data in packed.items()}


def package_json(groups: Iterable[str] | None = None) -> str:
    """The text of `board/package.json`, by which `mip` installs the sources of all groups."""
    places = sorted(board_sources(GROUPS if groups is None else groups))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    urls = [[place, MIP_BASE + place] for place in places]
    return json.dumps({"version": project["version"], "deps": [], "urls": urls}, indent=1) + "\n"


def write_all(
    folder: Path,
    groups: Iterable[str],
    *,
    optimize: int = 3,
    joined: bool = True,
) -> int:
    """Writes the compiled modules below `folder`; returns the sum of their bytes."""
    total = 0
    packed = compile_all(groups, optimize=optimize, march="armv6m", joined=joined)
    for place, data in packed.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        total += len(data)
    return total
