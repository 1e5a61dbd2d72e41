"""Joins modules into one, so that a board stores each name once and loads one file. Host only.

A .mpy holds every name that it uses; among twenty small modules most names stand in several, and
imports between them cost code too. Joined, picolink's core takes two thirds of the room. What is
joined keeps its meaning because of what is refused here: two modules that use one global name for
two things, and `import` of a joined module as a whole.

Constants are put in where they are used; comments, docstrings and annotations go.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterable, Mapping
from itertools import takewhile

from ..core.errors import PicolinkError
from .lines import instead, parse
from .slimming import PutIn, constants, fold_platform, lean, strip


class BundlingError(PicolinkError):
    """Modules that can't be joined; the message says which names to change."""


Source = str | ast.Module


class Module:
    """One module to be joined: its dotted name ("picolink.core.frames") and its tree."""

    def __init__(self, name: str, source: Source, is_package: bool) -> None:
        self.name = name
        self.package = name if is_package else name.rpartition(".")[0]
        if isinstance(source, str):
            self.tree = fold_platform(parse(source, name + ".__init__" * is_package))
        else:
            self.tree = copy.deepcopy(source)  # joining changes it

    def absolute(self, node: ast.ImportFrom) -> str:
        """The dotted name of the module that an ``from ... import`` names."""
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        parts = parts[: len(parts) - node.level + 1]
        return ".".join(parts + ([node.module] if node.module else []))


class Bundle:
    """The joined tree, and `names`: (module, global name there) -> global name in it."""

    def __init__(self, door: str) -> None:
        self.door = door
        self.tree = ast.Module([], [])
        self.names: dict[str, dict[str, str]] = {}
        self.constants: dict[str, int | str] = {}  # global names that are put in where they stand
        self.keep: set[str] = set()  # global names that other modules import


def join(sources: Mapping[str, Source], others: Mapping[str, Source] | None = None) -> Bundle:
    """Joins modules into one that takes the place of the shortest name, a package: the door.

    `sources` and `others` are dotted name (packages end in ".__init__") -> source, or its tree.
    `others` stay
    modules of their own; what they import from the bundle is kept there, see `redirect`.
    """
    modules = _parse(sources)
    bundle = Bundle(min(modules, key=len))
    taken: dict[str, str] = {}  # final name -> what it is
    bodies: list[ast.stmt] = []
    for module in _in_order(modules):
        bundle.names[module.name] = names = _final_names(module, bundle, taken, modules)
        changed = {old: new for old, new in names.items() if old != new}
        if changed and module.name == bundle.door:
            raise BundlingError(f"names of {module.name} are taken by others: {changed}")
        _refuse_shadows(module, changed)
        tree = _Renamer(changed).visit(_Joiner(module, set(modules)).visit(module.tree))
        bodies += tree.body
    tree = ast.fix_missing_locations(ast.Module(bodies, []))
    bundle.constants = constants(tree)
    bundle.keep = set(bundle.names[bundle.door].values())
    for other in _parse(others or {}).values():
        joiner = _Joiner(other, set(modules), bundle)
        joiner.visit(other.tree)
        bundle.keep |= joiner.taken
    bundle.tree = lean(tree, bundle.constants, bundle.keep)
    return bundle


def loaded_with(roots: Iterable[str], sources: Mapping[str, Source]) -> set[str]:
    """Which of `sources` are loaded as soon as `roots` are: what to join.

    A module imported only inside functions is left out, since it is loaded when first wanted. But
    the functions of the door, the shortest name, count: it opens lazily, and for everybody.
    """
    modules = _parse(sources)
    whole = {name.removesuffix(".__init__"): name for name in sources}
    reached: set[str] = set()
    waiting = [root.removesuffix(".__init__") for root in roots]
    door = min(modules, key=len)
    while waiting:
        name = waiting.pop()
        if name in reached or name not in modules:
            continue
        reached.add(name)
        module = modules[name]
        for node in ast.walk(module.tree) if name == door else _at_load(module.tree):
            if isinstance(node, ast.ImportFrom):
                waiting.append(module.absolute(node))
    return {whole[name] for name in reached}


def redirect(name: str, source: Source, bundle: Bundle) -> ast.Module:
    """A module outside the bundle, made to import from it."""
    (module,) = _parse({name: source}).values()
    joiner = _Joiner(module, set(bundle.names), bundle)
    tree = joiner.visit(module.tree)
    tree = PutIn(joiner.constants).visit(tree)
    return strip(tree)


def relative(name: str, tree: ast.Module) -> ast.Module:
    """The module with imports of its own package made relative: that is shorter in a .mpy."""
    here = name.split(".")[:-1]  # the package: also for one's own __init__
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            there = node.module.split(".")
            if there[0] == here[0]:
                pairs = zip(here, there, strict=False)
                same = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
                node.level = len(here) - same + 1
                node.module = ".".join(there[same:]) or None
    return tree


def _parse(sources: Mapping[str, Source]) -> dict[str, Module]:
    modules = {}
    for name, source in sources.items():
        bare = name.removesuffix(".__init__")
        modules[bare] = Module(bare, source, bare != name)
    return modules


class _Joiner(ast.NodeTransformer):
    """Rewrites the imports of one module: inside the bundle, or from outside into it.

    `taken` are the names that it takes from the bundle, `constants` what it takes as a value.
    """

    def __init__(self, module: Module, joined: set[str], bundle: Bundle | None = None) -> None:
        self.module, self.joined, self.bundle = module, joined, bundle
        self.taken: set[str] = set()
        self.constants: dict[str, int | str] = {}

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        for alias in node.names:
            if alias.name in self.joined and not (self.bundle and alias.name == self.bundle.door):
                raise self._whole(node, alias.name)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        source = self.module.absolute(node)
        for alias in node.names:
            if f"{source}.{alias.name}" in self.joined:
                raise self._whole(node, f"{source}.{alias.name}")
        if source not in self.joined:
            return instead(ast.ImportFrom(source, node.names, 0), node)
        if self.bundle is None:
            return instead(ast.Pass(), node)
        aliases = []
        for alias in node.names:
            final = _final(self.module, node, self.bundle, source, alias.name)
            name = alias.asname or alias.name
            if final in self.bundle.constants:
                self.constants[name] = self.bundle.constants[final]
                continue
            aliases.append(ast.alias(final, None if name == final else name))
            self.taken.add(final)
        if not aliases:
            return instead(ast.Pass(), node)
        return instead(ast.ImportFrom(self.bundle.door, aliases, 0), node)

    def _whole(self, node: ast.stmt, name: str) -> BundlingError:
        return BundlingError(
            f"{self.module.name} line {node.lineno} imports the module {name} as a whole, which "
            f"is joined with others for a board: import names from it (from {name} import ...)"
        )


class _Renamer(ast.NodeTransformer):
    def __init__(self, changed: dict[str, str]) -> None:
        self.changed = changed

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.changed.get(node.id, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = [self.changed.get(name, name) for name in node.names]
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.name = self.changed.get(node.name, node.name)
        elif isinstance(node, ast.alias):
            bound = node.asname or node.name.split(".")[0]
            if bound in self.changed:
                node.asname = self.changed[bound]
        return super().generic_visit(node)


def _final(module: Module, node: ast.stmt, bundle: Bundle, source: str, name: str) -> str:
    try:
        return bundle.names[source][name]
    except KeyError:
        raise BundlingError(
            f"{module.name} line {getattr(node, 'lineno', 0)} imports {name} from {source}, which "
            "does not define it at its top level"
        ) from None


def _final_names(
    module: Module, bundle: Bundle, taken: dict[str, str], modules: dict[str, Module]
) -> dict[str, str]:
    """Each global name of a module -> its name in the bundle; enters them in `taken`."""
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and module.absolute(node) in modules:
            source = module.absolute(node)
            if source == module.name or source not in bundle.names:
                continue  # inside a function, from a module that is placed later
            for alias in node.names:
                if f"{source}.{alias.name}" in modules:
                    continue  # a module as a whole: `_Joiner` says so
                names[alias.asname or alias.name] = _final(module, node, bundle, source, alias.name)
    for name, bound in _global_names(module, modules).items():
        if hasattr(builtins, name) and not name.startswith("__"):
            raise BundlingError(f"{module.name} redefines the built-in {name}: name it otherwise")
        claim = bound or f"a definition in {module.name}"
        final = name
        if taken.get(final, claim) != claim:
            stem = module.name.rpartition(".")[2]
            final = f"{name}_{stem.upper() if name.isupper() else stem}"
        if taken.setdefault(final, claim) != claim:
            raise BundlingError(f"{name} of {module.name} and {taken[final]} have one name")
        names[name] = final
    return names


def _refuse_shadows(module: Module, changed: dict[str, str]) -> None:
    """A global that gets another name must not be hidden by a local of its old name."""
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        shared = {n for g in ast.walk(function) if isinstance(g, ast.Global) for n in g.names}
        for node in ast.walk(function):
            name = None
            if isinstance(node, ast.arg):
                name = node.arg
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                name = node.id if node.id not in shared else None
            elif isinstance(node, ast.ExceptHandler):
                name = node.name
            if name in changed:
                raise BundlingError(
                    f"{module.name}: the local {name} hides a global that gets another name when "
                    "joined, because two modules define it. Give one of the three another name"
                )


def _in_order(modules: dict[str, Module]) -> list[Module]:
    """Each module after those that it imports when it is loaded."""
    done: list[str] = []
    under_way: list[str] = []

    def place(name: str) -> None:
        if name in done:
            return
        if name in under_way:
            circle = " -> ".join([*under_way[under_way.index(name) :], name])
            raise BundlingError(f"these modules import each other in a circle: {circle}")
        under_way.append(name)
        for node in _at_load(modules[name].tree):
            if isinstance(node, ast.ImportFrom):
                source = modules[name].absolute(node)
                if source in modules and source != name:
                    place(source)
        under_way.pop()
        done.append(name)

    for name in sorted(modules):
        place(name)
    return [modules[name] for name in done]


def _at_load(tree: ast.AST) -> Iterable[ast.AST]:
    """What runs when a module is loaded: all but the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_load(node)


def _global_names(module: Module, modules: dict[str, Module]) -> dict[str, str]:
    """Global name -> the import that binds it, which modules may share; "" for a definition.

    Imports from within the bundle are left out: they bind nothing of their own.
    """
    names: dict[str, str] = {}

    def bind(body: Iterable[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names[node.name] = ""
                continue
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.split(".")[0]
                    names[alias.asname or first] = f"import {alias.name}"
            elif isinstance(node, ast.ImportFrom):
                source = module.absolute(node)
                for alias in node.names if source not in modules else []:
                    names[alias.asname or alias.name] = f"{alias.name} from {source}"
            else:
                nested = isinstance(node, ast.If | ast.Try | ast.For | ast.While | ast.With)
                for child in [node] if not nested else []:
                    for target in ast.walk(child):
                        if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
                            names.setdefault(target.id, "")
            for field in ("body", "orelse", "finalbody"):
                bind(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                bind(handler.body)

    bind(module.tree.body)
    return names
