"""A whole package imported once more, under another name (CPython).

A copy sees other modules in the place of some, has builtins of its own, and, in files that are
named, a call of `_point_` before each statement of its functions.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import picolink

PACKAGE = Path(picolink.__file__).parent
FOLDERS = (
    "core",
    "node",
    "node.client",
    "node.features",
    "node.services",
)  # of which a copy has every module


def import_copy(
    finder: Finder, without: Iterable[str], instead: dict[str, Any]
) -> list[types.ModuleType]:
    """Imports the package anew, with the modules `instead` in the place of others; returns its
    modules."""
    name = finder.name
    kept = {path: sys.modules.get(path) for path in instead}
    sys.modules.update(instead)
    sys.meta_path.insert(0, finder)
    try:
        spec = importlib.util.spec_from_file_location(
            name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        if "asyncio" in instead:  # a board's: it has the other driver
            driver = importlib.import_module(name + ".node.loop_board")
            sys.modules[name + ".node.host.loop_asyncio"] = driver
            folders = FOLDERS
        else:
            folders = [*FOLDERS, "node.host"]
        for folder in folders:
            for file in sorted(PACKAGE.joinpath(*folder.split(".")).glob("*.py")):
                if file.stem not in without and file.stem != "__init__":
                    importlib.import_module(f"{name}.{folder}.{file.stem}")
    finally:
        sys.meta_path.remove(finder)
        for path, real in kept.items():
            if real is None:
                del sys.modules[path]
            else:
                sys.modules[path] = real
    return [m for n, m in sys.modules.items() if n.startswith(name + ".") and m is not None]


class Finder:
    """Finds the modules of a copy: with builtins of ours, and points in some of them."""

    def __init__(
        self, name: str, points: Iterable[str], point: Callable[[], None], ours: dict[str, Any]
    ) -> None:
        self.name = name
        self.points = points
        self.point = point
        self.ours = ours

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if not fullname.startswith(self.name + "."):
            return None
        file = PACKAGE.joinpath(*fullname.split(".")[1:])
        if file.is_dir():
            return None
        file = file.with_suffix(".py")
        loader = _Loader(fullname, str(file))
        loader.points = file.name in self.points
        loader.point = self.point
        loader.ours = self.ours
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)


class _Loader(SourceFileLoader):
    points = False
    point: Callable[[], None]
    ours: dict[str, Any]

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__["__builtins__"] = self.ours
        if not self.points:
            super().exec_module(module)
            return
        tree = ast.parse(Path(self.path).read_text("utf-8"), self.path)
        tree = ast.fix_missing_locations(_Points().visit(tree))
        module.__dict__["_point_"] = self.point
        exec(compile(tree, self.path, "exec"), module.__dict__)


class _Points(ast.NodeTransformer):
    """Puts a call of `_point_` before each statement of a function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.body = _pointed(node.body)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list) and block:
                    setattr(node, field, _pointed(block))
        return node


def _pointed(block: list[Any]) -> list[Any]:
    result: list[Any] = []
    for statement in block:
        if not isinstance(statement, ast.Nonlocal | ast.Global | ast.ImportFrom):
            call = ast.Expr(ast.Call(ast.Name("_point_", ast.Load()), [], []))
            result.append(ast.copy_location(call, statement))
        result.append(statement)
    return result
