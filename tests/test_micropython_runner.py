"""A failure on MicroPython must be as visible, and as readable, as one on CPython."""

from __future__ import annotations

import ast
from pathlib import Path

import micropython_runner
import pytest
from micropython_runner import explain_asserts, run_file

SOURCE = """\
from both import cases

def add(a, b):
    return a + b

def test_good():
    print("said on the way")
    assert add(1, 2) == 3

def test_wrong():
    assert add(1, 2) == 4

def test_breaks_inside():
    add(1, "x")

@cases([(1, 1), (2, 3)])
def test_second_case(a, b):
    assert a == b

async def test_async_wrong():
    assert not True
"""


@pytest.fixture
def outcomes(tmp_path: Path) -> dict[str, dict[str, object]]:
    path = tmp_path / "test_sample.py"
    path.write_text(SOURCE)
    names = ["test_good", "test_wrong", "test_breaks_inside", "test_second_case"]
    return run_file(path, [*names, "test_async_wrong"])


def test_each_test_has_its_own_outcome(outcomes: dict[str, dict[str, object]]) -> None:
    assert {name: outcome["ok"] for name, outcome in outcomes.items()} == {
        "test_good": True,
        "test_wrong": False,
        "test_breaks_inside": False,
        "test_second_case": False,
        "test_async_wrong": False,
    }
    assert "said on the way" in str(outcomes["test_good"]["output"])


def test_a_failed_assert_shows_line_source_and_values(
    outcomes: dict[str, dict[str, object]],
) -> None:
    message = str(outcomes["test_wrong"]["message"])
    assert "test_sample.py" in message
    assert "line 11, in test_wrong" in message
    assert "    assert add(1, 2) == 4" in message
    assert "AssertionError: 3 == 4" in message


def test_an_exception_shows_where_it_came_from(outcomes: dict[str, dict[str, object]]) -> None:
    message = str(outcomes["test_breaks_inside"]["message"])
    assert "line 4, in add" in message
    assert "TypeError" in message


def test_the_failing_case_is_named(outcomes: dict[str, dict[str, object]]) -> None:
    assert "case 1 of @cases: (2, 3)" in str(outcomes["test_second_case"]["output"])


def test_a_test_that_ends_the_interpreter_is_named(tmp_path: Path) -> None:
    path = tmp_path / "test_sample.py"
    path.write_text(
        "import sys\n"
        "def test_first():\n    pass\n"
        "def test_kills():\n    import os\n    os.system('kill -9 $PPID')\n"
        "def test_last():\n    pass\n"
    )
    outcomes = run_file(path, ["test_first", "test_kills", "test_last"])
    assert outcomes["test_first"]["ok"]
    assert "ended with status -9, in this test" in str(outcomes["test_kills"]["message"])
    assert "not run: test_kills came first" in str(outcomes["test_last"]["message"])


def test_a_test_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(micropython_runner, "DEADLINE_S", 0.5)
    path = tmp_path / "test_sample.py"
    path.write_text("def test_hangs():\n    while True:\n        pass\n")
    outcomes = run_file(path, ["test_hangs"])
    assert "still running after 0.5 s, in this test" in str(outcomes["test_hangs"]["message"])


def test_a_file_that_can_not_be_imported_fails_all_its_tests(tmp_path: Path) -> None:
    path = tmp_path / "test_sample.py"
    path.write_text("import dataclasses\ndef test_a():\n    pass\n")
    message = str(run_file(path, ["test_a"])["test_a"]["message"])
    assert "ImportError" in message
    assert "line 1" in message


def test_explained_asserts_keep_their_meaning_and_lines() -> None:
    source = (
        "def f(ä, b):\n"
        "    assert (ä + 'ö') == b  # comment\n"
        "    assert ä in (b, 'c'), 'has a message'\n"
        "    assert (ä == b) is False; assert 'x' not in b\n"
        "    assert [\n        ä,\n    ] == b\n"
    )
    rewritten = explain_asserts(source, ast.parse(source))
    assert rewritten.count("\n") == source.count("\n")
    assert rewritten.split("\n")[1] == "    assert __check('==', ä + 'ö', b)  # comment"
    assert rewritten.split("\n")[2] == source.split("\n")[2]
    assert "__check('is', ä == b, False); assert __check('not in', 'x', b)" in rewritten
    ast.parse(rewritten)
