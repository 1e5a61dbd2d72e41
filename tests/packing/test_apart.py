"""Methods taken out of their classes: the program stays what it was."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

import pytest
from micropython_runner import interpreter_command

from picolink.packing.apart import ApartError, take_apart

FETCH = """
def fetch(self, name):
    owner = type(self).__name__ + "_"
    for place in ("picolink.starting", "picolink.seldom"):
        methods = getattr(__import__(place, None, None, (name,)), owner, None)
        function = getattr(methods, name, None)
        if function is not None:
            return lambda *args, **named: function(self, *args, **named)
    raise AttributeError(name)
"""

SOURCE = (
    FETCH
    + """
TABLE = {"a": 1}
FACTOR = [2]
def starting(method):
    return method
def seldom(method):
    return method
class Thing:
    def __init__(self, private_size):
        self.private_size = private_size
    @starting
    def look_up(self, key, factor=1):
        return TABLE[key] * factor * FACTOR[0]
    @seldom
    def _grow(self, by):
        self.private_size += by + FACTOR[0]
        return self.private_size
"""
)
USE = """
t = Thing(3)
print(t.look_up("a", factor=5), t._grow(2), t.private_size)
try:
    t.nothing
except AttributeError:
    print("none")
"""


def apart(source: str, keep: set[str]) -> dict[str, str]:
    parted = take_apart(ast.parse(source), "picolink", keep)
    return {name: ast.unparse(ast.fix_missing_locations(tree)) for name, tree in parted.items()}


def run(files: dict[str, str], code: str, folder: Path) -> list[str]:
    """What the real MicroPython prints, given the modules and a program."""
    for name, text in files.items():
        path = folder / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
    done = subprocess.run(
        [*interpreter_command(), "-c", code],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return (done.stdout + done.stderr).splitlines()


def test_a_method_taken_out_is_found_when_it_is_called(tmp_path: Path) -> None:
    files = apart(SOURCE, {"Thing"})
    assert run(files, f"from picolink import Thing\n{USE}", tmp_path) == ["10 7 7", "none"]


def test_what_only_they_use_goes_along_and_the_rest_stays() -> None:
    files = apart(SOURCE, {"Thing"})
    assert set(files) == {"picolink.__init__", "picolink.starting", "picolink.seldom"}
    assert "TABLE =" in files["picolink.starting"]
    assert "TABLE" not in files["picolink.__init__"]
    assert "FACTOR =" in files["picolink.__init__"]  # both use it
    assert "TABLE =" in apart(SOURCE, {"TABLE"})["picolink.__init__"]


@pytest.mark.parametrize(
    "method",
    ["@seldom\n    def __len__(self): return 1", "@property\n    @seldom\n    def x(self): pass"],
)
def test_what_can_not_be_found_by_name_is_refused(method: str) -> None:
    with pytest.raises(ApartError, match="only plain methods"):
        apart(f"class A:\n    {method}\n", set())
