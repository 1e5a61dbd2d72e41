"""Takes from a module what a board never runs or reads. Host only; see `bundling`."""

from __future__ import annotations

import ast
import builtins
from collections import Counter

from .lines import instead

#: Modules, and names of `time`, that are on every board and on no host.
_BOARD_MODULES = ("micropython", "machine", "network", "rp2")
_NEWER = ("I2CTarget",)  # than the oldest firmware
_BOARD_TIMES = ("ticks_", "sleep_")
_OFTEN = 5  # places


class _Fold(ast.NodeTransformer):
    """Decides what asks for the interpreter, as MicroPython on a board would."""

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return (node.body if node.test.value else node.orelse) or ast.Pass()
        asked = ast.unparse(node.test)
        if asked in ("sys.implementation.name == 'micropython'", "hasattr(time, 'ticks_ms')"):
            return node.body
        if asked == "sys.implementation.name != 'micropython'":
            return node.orelse or ast.Pass()
        return node

    def visit_Try(self, node: ast.Try) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        only_imports = all(isinstance(n, ast.ImportFrom | ast.Import) for n in node.body)
        if only_imports and all(map(_on_every_board, node.body)) and not node.finalbody:
            return [*node.body, *node.orelse]
        return node


def _on_every_board(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        if node.module == "time":
            return all(alias.name.startswith(_BOARD_TIMES) for alias in node.names)
        known = node.module in _BOARD_MODULES and not node.level
        return known and not any(alias.name in _NEWER for alias in node.names)
    return isinstance(node, ast.Import) and all(a.name in _BOARD_MODULES for a in node.names)


def fold_platform(tree: ast.Module) -> ast.Module:
    """Without the branches that only a host takes, so far as the code asks plainly.

    That is ``if sys.implementation.name == "micropython":`` and ``try: from micropython import
    ...`` (or ``from time import ticks_ms``) with its ``except ImportError:``.
    """
    folded = _Fold().visit(tree)
    assert isinstance(folded, ast.Module)
    return folded


def lean(tree: ast.Module, constants: dict[str, int | str], keep: set[str]) -> ast.Module:
    """All statements, each import once, constants put in."""
    tree = strip(PutIn(constants).visit(tree))
    seen: set[str] = set()
    kept: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.Pass):
            continue
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if statement.targets[0].id in constants and statement.targets[0].id not in keep:
                continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            aliases = []
            for alias in statement.names:
                key = f"{getattr(statement, 'module', None)}/{alias.name}/{alias.asname}"
                if key not in seen:
                    seen.add(key)
                    aliases.append(alias)
            if not aliases:
                continue
            statement.names = aliases
        kept.append(statement)
    return ast.Module(kept, [])


def own_builtins(tree: ast.Module) -> list[ast.stmt]:
    """Statements that make the built-in functions called most in `tree` its own global names: to
    find one elsewhere MicroPython looks through all of these and half of its own, each time."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = Counter(name.id for name in calls if isinstance(name, ast.Name))
    often = [name for name in names if names[name] >= _OFTEN and hasattr(builtins, name)]
    return ast.parse("".join(f"{name} = {name}\n" for name in sorted(often))).body


def constants(tree: ast.Module) -> dict[str, int | str]:
    """Global names that are integers or short strings for good: bound once, at the top, and
    nowhere shadowed."""
    bound: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound[node.id] = bound.get(node.id, 0) + 1
        elif isinstance(node, ast.arg):
            bound[node.arg] = bound.get(node.arg, 0) + 2
        elif isinstance(node, ast.Global | ast.Nonlocal):
            for name in node.names:
                bound[name] = bound.get(name, 0) + 2
    found: dict[str, int | str] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Name) and bound[target.id] == 1 and target.id.isupper():
            value = _constant(PutIn(found).visit(statement.value))
            if value is not None:
                found[target.id] = value
    return found


def _constant(node: ast.expr) -> int | str | None:
    """The value of a short string, or an expression of integers and operators, else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if len(node.value) < 20 else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
        return _constant(node.args[0])
    allowed = ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop
    if not all(isinstance(child, allowed) for child in ast.walk(node)):
        return None
    value = eval(compile(ast.Expression(node), "constant", "eval"), {"__builtins__": {}})
    return value if type(value) is int else None


class PutIn(ast.NodeTransformer):
    """Puts the values of constants in where their names stand."""

    def __init__(self, constants: dict[str, int | str]) -> None:
        self.constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self.constants:
            return ast.copy_location(ast.Constant(self.constants[node.id]), node)
        return node


def strip(tree: ast.Module) -> ast.Module:
    """Without docstrings and annotations, which MicroPython does not keep either."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                kept = [_plain(statement) for statement in body if not _says_nothing(statement)]
                if not kept and body and field == "body" and not isinstance(node, ast.Module):
                    kept = [ast.Pass()]
                setattr(node, field, kept)
    ast.fix_missing_locations(tree)
    return tree


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.AnnAssign) and statement.value is None


def _plain(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return instead(ast.Assign([statement.target], statement.value), statement)
    return statement
