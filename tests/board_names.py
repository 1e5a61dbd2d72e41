"""What the docs and examples have a board's program use of picolink: `collect()`.

    .venv/bin/python tests/board_names.py        lists it, with where it stands

Read are the programs (docs/snippets, examples), whose objects are followed from `Node(...)` on, and
on the pages the code between backquotes. `tests/install/test_names.py` uses each on a board.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*/*.md"))]
#: Pages on what a computer does, whatever their words look like.
HOST_PAGES = {
    "architecture.md",
    "benchmarks.md",
    "cli.md",
    "dependencies.md",
    "doctor.md",
    "session.md",
    "simulator.md",
}
PROGRAMS = sorted([*ROOT.glob("docs/snippets/*.py"), *ROOT.glob("examples/*/*.py")])

#: What a class's attributes and calls give, as far as it is picolink's own.
GIVES = {
    ("Node", "time"): "Clock",
    ("Node", "wifi"): "Wifi",
    ("Node", "peer"): "Peer",
    ("Node", "quiet"): "Quiet",
    ("Peer", "ready"): "Peer",
    ("Peer", "subscribe"): "Subscription",
    ("Peer", "stream"): "Subscription",
    ("Peer", "read"): "Reading",
    ("picolink", "Node"): "Node",
    ("picolink.mqtt", "Mqtt"): "Mqtt",
    ("picolink.links.mqtt", "Client"): "Client",
}
#: Decorators, and what the last argument of their function is.
HANDED = {("Node", "subscribe"): "Reading", ("Node", "on_delivery"): "Reading"}
#: Names as they stand between backquotes, where nothing assigns them.
USUAL = {
    "node": "Node",
    "peer": "Peer",
    "broker": "Mqtt",
    "client": "Client",
    "message": "Message",
    "reading": "Reading",
    "Node": "picolink.Node",
    "Mqtt": "picolink.mqtt.Mqtt",
    "Client": "picolink.links.mqtt.Client",
}
#: Page and heading -> classes, and functions, of which words standing alone there are members or
#: arguments. What is neither is a mistake of the page, or belongs to `NO_NAMES`.
SECTIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("api.md", "On the board"): ("Node", "Reading", "picolink", "Node.subscribe"),
    ("api.md", "Wi-Fi"): ("Wifi", "picolink.Node"),
    ("api.md", "Calling another board"): ("Peer", "Node"),
    ("battery.md", "A sensor that sleeps"): ("Node", "Reading", "Node.deliver_and_sleep", "Mqtt",
                                             "picolink.mqtt.Mqtt"),
    ("mqtt.md", "A client"): ("Client", "Message", "picolink", "picolink.links.mqtt.Client",
                              "Client.publish", "Client.on"),
    ("registers.md", "Plain registers on I2C"): ("Node.register",),
    ("text.md", "A dialect of one's own"): ("Node", "Node.text"),
    ("wifi.md", "What can be said"): ("picolink.Node",),
    ("errors.md", "Errors"): ("picolink", "CallError", "RemoteError"),
}  # fmt: skip
NO_NAMES = {
    *dir(builtins), "asleep", "status", "async", "what", "name", "state", "unknown", "on", "led_on",
    "deliver", "smbus", "picolink", "BusyError",  # a group, a package, what a board may raise
    # keys of the dictionary for wifi=, of which tests/net/test_settings.py knows
    "networks", "address", "gateway", "dns", "access_point", "access_point_address", "channel",
    "hostname", "country", "power_save", "true",
}  # fmt: skip


class Use(NamedTuple):
    """A name that a board must have: of one of these owners, which takes these arguments.

    An owner is a class ("Node"), a module ("picolink.mqtt"), or for an argument's name alone a
    function ("Node.text").
    """

    owners: tuple[str, ...]
    name: str
    keywords: tuple[str, ...] = ()
    value: str = ""  # what is assigned to it, as source
    called: bool = False  # by itself, which changes nothing

    def __str__(self) -> str:
        arguments = f"({', '.join(word + '=' for word in self.keywords)})" if self.keywords else ""
        arguments = arguments or "()" * self.called
        return (
            f"{' or '.join(self.owners)}.{self.name}{arguments}{self.value and ' = '}{self.value}"
        )


def collect() -> dict[Use, list[str]]:
    """All that is documented, and where."""
    found: dict[Use, list[str]] = {}

    def note(use: Use, where: str) -> None:
        found.setdefault(use, []).append(where)

    for program in PROGRAMS:
        tree = ast.parse(program.read_text("utf-8"))
        where = str(program.relative_to(ROOT))
        for use in _Reader({}).read(tree):
            note(use, where)
    for page in PAGES:
        if page.name not in HOST_PAGES:
            for use in of_page(page.name, page.read_text("utf-8")):
                note(use, str(page.relative_to(ROOT)))
    return found


# Programs


class _Reader(ast.NodeVisitor):
    """Follows what is picolink's own through a program."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = dict(known)  # variable -> class, module or function ("picolink.Node")
        self.found: list[Use] = []

    def read(self, tree: ast.AST) -> list[Use]:
        for _ in range(3):  # a function may use what stands below it
            self.found = []
            self.visit(tree)
        if any(use.owners == ("picolink",) and use.name in HOST_NAMES for use in self.found):
            # A computer's: what it imports is not a board's, what its nodes do is.
            self.found = [use for use in self.found if not use.owners[0].startswith("picolink")]
        return self.found

    def kind(self, node: ast.AST | None) -> str:
        """What an expression is; "" for what is not ours. Notes the names in it."""
        if isinstance(node, ast.Await | ast.Expr):
            return self.kind(node.value)
        if isinstance(node, ast.Name):
            return self.known.get(node.id, "")
        if isinstance(node, ast.Attribute):
            owner = self.kind(node.value)
            if not owner or (owner[:8] == "picolink" and owner.rpartition(".")[2][0].isupper()):
                return ""  # of a class itself
            if f"{owner}.{node.attr}" == "picolink.mqtt":
                return "picolink.mqtt"
            self.found.append(Use((owner,), node.attr))
            given = GIVES.get((owner, node.attr), "")
            return given if given in ("Clock", "Wifi") else f"{owner}.{node.attr}"
        if isinstance(node, ast.Call):
            function = self.kind(node.func)
            owner, _, name = function.rpartition(".")
            keywords = tuple(word.arg for word in node.keywords if word.arg)
            if owner and keywords:
                self.found.append(Use((owner,), name, keywords))
            elif owner in ("Clock", "Wifi") and not node.args:
                self.found.append(Use((owner,), name, called=True))
            return GIVES.get((owner, name), "")
        return ""

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] == "picolink":
                self.known[alias.asname or "picolink"] = alias.name if alias.asname else "picolink"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if (node.module or "").split(".")[0] == "picolink":
            for alias in node.names:
                self.known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                self.found.append(Use((str(node.module),), alias.name))

    def visit_Assign(self, node: ast.Assign) -> None:
        kind = self.kind(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                if kind:
                    self.known[target.id] = kind
            elif isinstance(target, ast.Attribute) and (owner := self.kind(target.value)):
                self.found.append(Use((owner,), target.attr, (), ast.unparse(node.value)))
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        if self.kind(node.iter) == "Subscription" and isinstance(node.target, ast.Name):
            called = node.iter.value if isinstance(node.iter, ast.Await) else node.iter
            if "stream" not in ast.unparse(called):
                self.known[node.target.id] = "Reading"
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            owner, _, name = self.kind(called).rpartition(".")
            if (owner, name) in HANDED and node.args.args:
                self.known[node.args.args[-1].arg] = HANDED[owner, name]
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.kind(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self.kind(node)
        self.generic_visit(node)


HOST_NAMES = {"connect", "connect_all", "aio", "Board"}

# Pages


def of_page(page: str, text: str) -> Iterator[Use]:
    """What stands between backquotes on a page."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    heading, table, before = "", "", ""
    for block in re.split(r"\n(?=[#|\n-])", text):
        line = block.strip()
        if line.startswith("#"):
            heading = line.lstrip("# ").split("\n")[0]
        cells = line.split("|")
        first = cells[1] if line.startswith("|") and len(cells) > 2 else ""
        if not line.startswith("|"):
            table = ""
        before = ""
        for number, span in enumerate(re.findall(r"`([^`]+)`", line)):
            span = " ".join(span.split())
            own = table if f"`{span}`" in first else ""
            yield from _of_span(span, before, own or "", SECTIONS.get((page, heading), ()))
            before = span if re.match(r"@?\w+\.\w", span) else before
            if number == 0 and first.strip() == f"`{span}`" and not table:
                table = span  # the head of a table: what it is about
        table = table or (line.startswith("|") and "-") or ""


def _of_span(span: str, before: str, table: str, section: tuple[str, ...]) -> Iterator[Use]:
    tree = _parsed(span if span[0] != "." else _owner(before) + span)  # `.local()`
    if tree is None:
        return
    head = _parsed(table) if table not in ("", "-") else None
    if isinstance(head, ast.Call) and isinstance(tree, ast.Name):  # an argument in its table
        yield from _Reader(USUAL).read(
            ast.Expr(ast.Call(head.func, [], [ast.keyword(tree.id, tree)]))
        )
    elif (
        head is not None
        and isinstance(tree, ast.Name | ast.Call)
        and not isinstance(head, ast.Call)
    ):
        yield from _Reader(USUAL).read(_parsed(f"{table}.{span}") or tree)
    elif isinstance(tree, ast.Name) and tree.id in USUAL:
        return
    elif isinstance(tree, ast.Name):
        if section and tree.id not in NO_NAMES:
            yield Use(section, tree.id)
    elif isinstance(tree, ast.Assign) and isinstance(tree.targets[0], ast.Name):
        if section and tree.targets[0].id not in NO_NAMES:
            yield Use(section, tree.targets[0].id)
    else:
        yield from _Reader(USUAL).read(tree)


def _parsed(span: str) -> ast.AST | None:
    """A piece of code between backquotes; None where it is none."""
    code = re.sub(r"^(@|async with )", "", span).rstrip(":")
    code = re.sub(r"=$", "=None", code)
    try:
        (statement,) = ast.parse(code).body
    except (SyntaxError, ValueError):
        return None
    return statement.value if isinstance(statement, ast.Expr) else statement


def _owner(span: str) -> str:
    """`node.time` of `node.time.known`."""
    return re.sub(r"\(.*", "", span).rpartition(".")[0].lstrip("@")


if __name__ == "__main__":
    for use, places in sorted(collect().items(), key=lambda item: str(item[0])):
        print(f"{use}   [{', '.join(sorted(set(places)))}]")
