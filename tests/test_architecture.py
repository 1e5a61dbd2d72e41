"""docs/architecture.md tells of the code as it is: its picture, and the way of a call."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from served_node import served, until

import picolink
from picolink.node.node import Node

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "picolink"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"\| `([a-z_/]+\.py)` \| `([\w.]+)` \|")
Step = tuple[str, str]


def rows() -> list[list[Step]]:
    """The rows of the table, for each of its three parts."""
    table = PAGE.partition("## A call")[2].partition("\n## ")[0]
    return [ROW.findall(part) for part in re.split(r"\| \*\*the \w+\*\* \|", table)[1:]]


def missing(expected: list[Step], seen: list[Step]) -> Step | None:
    """The first of `expected` that does not come in its turn."""
    left = iter(seen)
    for step in expected:
        if step not in left:
            return step
    return None


def traced(seen: list[Step]) -> Callable[[FrameType, str, Any], None]:
    def note(frame: FrameType, event: str, _: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(SRC):
            seen.append((str(file.relative_to(SRC)), frame.f_code.co_qualname))

    return note


def test_the_picture_is_that_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "tools/architecture.py", "--check"], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_each_folder_is_told_of() -> None:
    told = set(re.findall(r"\| `picolink/(\w+)` \|", PAGE))
    assert told | {"sim"} == {path.parent.name for path in SRC.glob("*/*.py")}


def test_the_files_that_it_names_are_there() -> None:
    for path in re.findall(r"`((?:core|node|links|cli)/[a-z_/]+\.py)`", PAGE):
        assert (SRC / path).is_file(), path


def test_a_call_goes_the_way_that_is_told() -> None:
    def declare(node: Node) -> None:
        @node.command
        def echo(value: Any) -> Any:
            return value

    there: list[Step] = []
    here: list[Step] = []
    with served(declare) as serving, picolink.connect(serving.at) as board:
        assert board.call("echo", 1) == 1
        serving.do(lambda: sys.setprofile(traced(there)))
        sys.setprofile(traced(here))
        for _ in range(20):  # the answer may be heard by the other thread of the connection
            del here[:], there[:]
            assert board.call("echo", 2) == 2
            if ("node/client/calls.py", "Call.end") in here:
                break
        sys.setprofile(None)
        until(lambda: ("node/driver.py", "Driver.pump") in there[-40:])
        serving.do(lambda: sys.setprofile(None))
    going, node, coming = rows()
    assert len(going) > 5 and len(node) > 5 and len(coming) > 3
    assert missing(going + coming, here) is None
    assert missing(node, there) is None


def test_the_way_of_a_call_fits_on_a_page() -> None:
    table = PAGE.partition("## A call")[2].partition("\n## ")[0]
    assert table.count("\n") <= 60
    assert missing([("a", "b")], []) == ("a", "b") and missing([], []) is None
