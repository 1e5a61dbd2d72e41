"""Takes methods that a board needs seldom out of a joined module, into files of their own.

Host only. See `core/seldom.py` for the marks, and for how the methods are found again.
"""

from __future__ import annotations

import ast
import builtins

from ..core.errors import PicolinkError
from .lines import instead

#: A mark, and the file that takes what bears it.
MARKS = ("starting", "seldom")


class ApartError(PicolinkError):
    """A marked method that can't be taken out; the message says why."""


def take_apart(tree: ast.Module, door: str, keep: set[str]) -> dict[str, ast.Module]:
    """The module `door` without its marked methods, and a module for each mark: name -> tree.

    What only one of these uses moves there as well, if it is not in `keep`.
    """
    tree.body = [s for s in tree.body if not (isinstance(s, ast.FunctionDef) and s.name in MARKS)]
    shared = _globals(tree)
    taken: dict[str, list[ast.stmt]] = {mark: [] for mark in MARKS}
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            kept: list[ast.stmt] = []
            apart: dict[str, list[ast.stmt]] = {mark: [] for mark in MARKS}
            for method in statement.body:
                mark = _mark(method)
                if mark is None:
                    kept.append(method)
                else:
                    apart[mark].append(_plain(method, statement))
            finders = [_found("__getattr__", "fetch")]
            for mark, methods in apart.items():
                if methods:
                    taken[mark].append(_holder(statement, methods))
                if any(getattr(method, "name", "") == "__init__" for method in methods):
                    finders.append(_found("__init__", "fetch_init"))
            if len(kept) < len(statement.body):
                statement.body = [*kept, *finders]
    _move(tree, taken, keep)
    result = {f"{door}.__init__": tree}
    for mark, functions in taken.items():
        if functions:
            body = [*_imports(functions, shared, door), *functions]
            result[f"{door}.{mark}"] = ast.Module(body, [])
    return result


def _move(tree: ast.Module, taken: dict[str, list[ast.stmt]], keep: set[str]) -> None:
    """Moves what only one mark's methods use behind them."""
    for statement in reversed(tree.body[:]):
        marked = None
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            name = statement.name
            marked = _mark(statement)
            if isinstance(statement, ast.ClassDef) and marked is None:
                continue  # its objects may live long, and would keep the whole file
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
        else:
            continue
        rest = [other for other in tree.body if other is not statement]
        users = [mark for mark in MARKS if _uses(taken[mark], name)]
        if marked is not None:
            users = [marked]
        elif name in keep or len(users) != 1 or _uses(rest, name):
            continue
        tree.body = rest
        taken[users[0]].insert(0, _unmarked(statement))


def _unmarked(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        statement.decorator_list = []
    return statement


def _uses(statements: list[ast.stmt], name: str) -> bool:
    nodes = (node for statement in statements for node in ast.walk(statement))
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _found(name: str, by: str) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], _load(by))


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _mark(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Name) and decorator.id in MARKS:
                return decorator.id
    return None


def _plain(method: ast.stmt, owner: ast.ClassDef) -> ast.stmt:
    assert isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    special = method.name.startswith("__") and method.name != "__init__"
    if len(method.decorator_list) > 1 or special:
        raise ApartError(f"{owner.name}.{method.name}: only plain methods can be taken out")
    method.decorator_list = []
    return method


def _holder(owner: ast.ClassDef, methods: list[ast.stmt]) -> ast.stmt:
    """What holds the methods, under their names: new ones would cost more than it."""
    holder = ast.ClassDef(f"{owner.name}_", [], [], methods, [])
    return instead(holder, methods[0])


def _globals(tree: ast.Module) -> set[str]:
    """The global names of a module."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        else:
            stores = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            names.update(n.id for n in stores if isinstance(n.ctx, ast.Store))
    return names


def _imports(functions: list[ast.stmt], shared: set[str], door: str) -> list[ast.stmt]:
    """The import of what functions, or what moved with them, need of where they were taken from."""
    used: set[str] = set()
    for function in functions:
        local: set[str] = set()
        loaded: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                raise ApartError(f"{node.names[0]} is set in a method that was taken out")
            if isinstance(node, ast.arg):
                local.add(node.arg)
            elif isinstance(node, ast.alias):
                local.add(node.asname or node.name)
            elif isinstance(node, ast.Name):
                (loaded if isinstance(node.ctx, ast.Load) else local).add(node.id)
        used |= (loaded - local) & shared
    here = _globals(ast.Module(functions, []))
    used = {name for name in used - here if not hasattr(builtins, name)}
    return [ast.ImportFrom(door, [ast.alias(name) for name in sorted(used)], 0)] if used else []
