"""No code decides by the words of an error: for that it has its class, `kind` and `advice`.

What an error says is for people, and may be said better at any time. Only where nothing but a text
tells what happened (from MicroPython, mbedtls, or over the wire) one place reads it: `ALLOWED`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "picolink"

#: "module:function" that reads the text of an error -> why it has nothing better.
ALLOWED = {
    "node/config.py:complete": "an ImportError of MicroPython has no name of the module, only text",
    "links/missing.py:missing": "the same",
    "links/memory.py:is_short": "MicroPython tells mbedtls's errors by text where the firmware has "
    "the texts, by number where it has not",
    "links/mqtt/tls.py:explain": "the same",
    "links/host/diagnosis.py:split_told": "of another node's error its text alone comes over "
    "the wire",
    "cli/commands/doctor.py:not_open": "the same: the text begins with the address, which is shown",
    "cli/commands/doctor.py:_clock": "the same: `sys.time` tells a board's reason as a text",
    "cli/commands/install.py:_told": "as `not_open` of the doctor",
    "install/repl.py:run": "what a board's REPL prints of an exception is all that mpremote has",
}

_METHODS = {
    "startswith", "endswith", "partition", "rpartition", "split", "rsplit", "splitlines", "find",
    "rfind", "index", "rindex", "count", "removeprefix", "removesuffix",
}  # fmt: skip
_SEARCHES = {"search", "match", "fullmatch", "findall", "finditer", "sub", "subn"}
_SAME_TEXT = {"lower", "upper", "casefold", "strip", "lstrip", "rstrip", "replace", "format"}
_TEXTS = {
    "message", "msg", "strerror", "verify_message", "error_output", "reason", "why", "advice",
}  # fmt: skip
_NAMES = re.compile(r"(\w*_)?(err|error|errors|exc|exception|problem|failure)")
#: Variables and attributes that hold what an error said.
_REASONS = re.compile(r"_?(why|refusal|lost)")
_CLASSES = {
    name for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
} | {"CannotConnect", "PortBusy", "BadAddress", "BadArguments", "TooBig", "Busy", "Refused",
     "UnknownCommand", "NotDone", "Unknown"}  # fmt: skip


class _Function(ast.NodeVisitor):
    """What a function does with texts of errors."""

    def __init__(self, errors: set[str], texts: set[str]) -> None:
        self.errors = set(errors)
        self.texts = set(texts)
        self.found: list[int] = []

    def is_error(self, node: ast.expr | None) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.errors or _NAMES.fullmatch(node.id) is not None
        if isinstance(node, ast.Attribute):
            return _NAMES.fullmatch(node.attr) is not None or node.attr in (
                "__cause__", "__context__", "failed", "refused", "_failed",
            )  # fmt: skip
        if isinstance(node, ast.BoolOp):
            return any(map(self.is_error, node.values))
        return False

    def is_text(self, node: ast.expr | None) -> bool:
        """Whether it is the text of an error, or a part of it."""
        if isinstance(node, ast.Name):
            return node.id in self.texts or _REASONS.fullmatch(node.id) is not None
        if isinstance(node, ast.Attribute):
            if _REASONS.fullmatch(node.attr):
                return True
            return node.attr in _TEXTS and self.is_error(node.value)
        if isinstance(node, ast.Subscript):
            args = node.value
            if isinstance(args, ast.Attribute) and args.attr == "args":
                return self.is_error(args.value)
            return self.is_text(node.value)
        if isinstance(node, ast.BoolOp):
            return any(map(self.is_text, node.values))
        if isinstance(node, ast.IfExp):
            return self.is_text(node.body) or self.is_text(node.orelse)
        if isinstance(node, ast.JoinedStr):
            values = [v.value for v in node.values if isinstance(v, ast.FormattedValue)]
            return any(self.is_error(value) or self.is_text(value) for value in values)
        if isinstance(node, ast.Call):
            return self._calls_text(node)
        return False

    def _calls_text(self, node: ast.Call) -> bool:
        function = node.func
        if isinstance(function, ast.Name) and function.id in ("str", "repr", "format"):
            return bool(node.args) and (self.is_error(node.args[0]) or self.is_text(node.args[0]))
        if isinstance(function, ast.Attribute):
            if _joins_words(node):
                inner = node.args[0]
                assert isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute)
                return self.is_text(inner.func.value)
            return function.attr in _SAME_TEXT and self.is_text(function.value)
        return False

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.errors.add(node.name)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name) and self.is_text(node.value):
                self.texts.add(target.id)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if isinstance(operator, ast.In | ast.NotIn):
                # Is a text looked for in the error's; or the error's among texts?
                wrong = self.is_text(right) and not _is_place(left)
                wrong = wrong or (self.is_text(left) and _of_texts(right))
            elif isinstance(operator, ast.Is | ast.IsNot):
                wrong = False
            else:
                one, other = self.is_text(left), self.is_text(right)
                wrong = (one and _is_word(right)) or (other and _is_word(left))
            if wrong:
                self.found.append(node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if _joins_words(node):  # which makes one line of several
            inner = node.args[0]
            assert isinstance(inner, ast.Call)
            self.visit(inner.func)
            return
        if isinstance(function, ast.Attribute):
            if function.attr in _METHODS and self.is_text(function.value):
                self.found.append(node.lineno)
            if function.attr in _SEARCHES and any(map(self.is_text, node.args)):
                self.found.append(node.lineno)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        cut = isinstance(node.slice, ast.Slice) or isinstance(node.value, ast.Call)
        if cut and self.is_text(node.value):
            self.found.append(node.lineno)
        self.generic_visit(node)


def _joins_words(node: ast.Call) -> bool:
    """Whether it is `" ".join(text.split())`."""
    if not (isinstance(node.func, ast.Attribute) and node.func.attr == "join" and node.args):
        return False
    inner = node.args[0]
    if not (isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute)):
        return False
    return inner.func.attr == "split" and not inner.args


def _is_word(node: ast.expr) -> bool:
    """Whether it is a text of a letter or more: "" asks only whether there is any text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


def _is_place(node: ast.expr) -> bool:
    """Whether it is a place in a template of ours, where a detail goes: "%s"."""
    return _is_word(node) and ast.literal_eval(node)[0] == "%"


def _of_texts(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple | ast.List | ast.Set) and any(map(_is_word, node.elts))


def _names_of_errors(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The arguments that are errors, by their types."""
    args = function.args
    named = set()
    for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]:
        told = ast.unparse(arg.annotation) if arg.annotation is not None else ""
        words = set(re.findall(r"\w+", told))
        if words & _CLASSES or any(word.endswith(("Error", "Exception")) for word in words):
            named.add(arg.arg)
    return named


def readings(source: str) -> Iterator[tuple[str, int]]:
    """(function, line) of all that looks for words in the text of an error."""
    tree = ast.parse(source)
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    seen: set[int] = set()
    for function in functions:
        look = _Function(_names_of_errors(function), set())
        for statement in function.body:
            look.visit(statement)
        for line in look.found:
            if line not in seen:
                seen.add(line)
                yield function.name, line
    look = _Function(set(), set())
    for statement in tree.body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            look.visit(statement)
    yield from (("", line) for line in look.found if line not in seen)


def found_in(path: Path) -> list[tuple[str, int]]:
    where = path.relative_to(PACKAGE).as_posix()
    return [(f"{where}:{name}", line) for name, line in readings(path.read_text("utf-8"))]


def test_no_code_looks_for_words_in_the_text_of_an_error() -> None:
    found = [row for path in sorted(PACKAGE.rglob("*.py")) for row in found_in(path)]
    wrong = [f"{where} line {line}" for where, line in found if where not in ALLOWED]
    assert wrong == [], "give the error a kind (core/failure.py) and decide by that"
    assert set(ALLOWED) - {where for where, _ in found} == set(), "no exception any more"


PLANTED = [
    '"held" in str(error)',
    '"held" not in str(error)',
    'str(error) == "held"',
    'error.args[0] == "held"',
    '"held" in error.args[0]',
    'error.args[0] in ("held", "gone")',
    'error.args[0].startswith("held")',
    'str(error).startswith("held")',
    'str(error).endswith("held")',
    'str(error).partition(". ")',
    'str(error).split(": ")',
    'str(error).find("held")',
    'str(error).lower().find("held")',
    'str(error).removeprefix("refused: ")',
    "str(error)[:4]",
    'f"{error}".startswith("held")',
    're.search("held", str(error))',
    'PATTERN.match(str(error))',
    '"held" in error.message',
    '"expired" in error.verify_message',
    'any(word in str(error) for word in WORDS)',
    '"version" in self.why',
    'why.startswith("refused: ")',
    '"x" in (str(error) or "nothing")',
]  # fmt: skip


@pytest.mark.parametrize("text", PLANTED)
def test_it_is_found(text: str) -> None:
    source = (
        f"def f(self, why):\n    try:\n        g()\n    except OSError as error:\n        {text}\n"
    )
    assert list(readings(source)) == [("f", 5)]


def test_it_is_found_under_other_names() -> None:
    other = "    told = str(e)\n    return 'held' in told\n"
    assert list(readings("def f(e: CannotConnect):\n" + other)) == [("f", 3)]
    caught = "def f():\n    try:\n        g()\n    except OSError as e:\n        'x' in str(e)\n"
    assert list(readings(caught)) == [("f", 5)]
    assert list(readings("try:\n    g()\nexcept OSError as e:\n    'x' in str(e)\n")) == [("", 4)]


@pytest.mark.parametrize(
    "text",
    [
        "error.args[0] == 12",
        "error.args[0] not in (98, 112)",
        "error.errno in NUMBERS",
        'error.kind == "held"',
        'error.kind in ("held", "gone")',
        'why = str(error) or "no answer"',
        '" ".join(str(error).split())',
        'print(f"{error}.")',
        'self.why == ""',
        '"%s" in why',
    ],
)
def test_what_is_no_search(text: str) -> None:
    assert list(readings(f"def f(self, error):\n    {text}\n")) == []
