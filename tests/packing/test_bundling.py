"""Joined for a board, modules must mean what they meant apart; checked by running them."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from micropython_runner import interpreter_command

from picolink.packing.bundling import BundlingError, join, loaded_with, redirect

SOURCES = {
    "p.__init__": "def __getattr__(name):\n    from .node import work\n    return work\n",
    "p.frames": (
        '"""Frames."""\n'
        "import sys\n"
        "HEAD_BYTES = 3\n"
        "LIMIT = HEAD_BYTES * 2 + 1\n"
        "def _size(data: bytes) -> int:\n"
        '    """The size."""\n'
        "    return len(data) + HEAD_BYTES\n"
        "def frame(data): return _size(data)\n"
        "if sys.implementation.name == 'micropython':\n    def where(): return 'board'\n"
        "else:\n    from .hosts import where\n"
    ),
    "p.packets": (
        "from struct import pack\n"
        "from .frames import frame as framed\n"
        "HEAD_BYTES = 7\n"
        "_count = 0\n"
        "def _size(data):\n"
        "    global _count\n    _count += 1\n    return HEAD_BYTES, _count\n"
        "def packet(data): return framed(data), _size(data), pack('<H', 1)\n"
    ),
    "p.node": (
        "try:\n    from time import ticks_ms as now\n"
        "except ImportError:\n    from .hosts import now\n"
        "from struct import pack\n"
        "from .frames import LIMIT, where\n"
        "from .packets import packet\n"
        "def work(data):\n"
        "    from .seldom import seldom\n"
        "    return packet(data), LIMIT, where(), seldom(), pack('B', 9)\n"
    ),
    "p.seldom": "from .packets import _size as measure\ndef seldom(): return measure(b'')\n",
}


def run(files: Mapping[str, str], code: str, folder: Path) -> str:
    """What the real MicroPython prints, given the modules and a program."""
    for name, text in files.items():
        path = folder / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    command = [*interpreter_command(), "-c", code]
    environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=30
    )
    return done.stdout + done.stderr


def test_only_what_loads_at_once_is_joined() -> None:
    assert loaded_with(["p.__init__"], SOURCES) == set(SOURCES) - {"p.seldom"}


def test_the_joined_modules_do_what_they_did(tmp_path: Path) -> None:
    inside = {name: text for name, text in SOURCES.items() if name != "p.seldom"}
    bundle = join(inside, {"p.seldom": SOURCES["p.seldom"]})
    joined = {
        "p.__init__": ast.unparse(bundle.tree),
        "p.seldom": ast.unparse(redirect("p.seldom", SOURCES["p.seldom"], bundle)),
    }
    code = "from p import work\nprint(work(b'x'))\n"
    expected = "((4, (7, 1), b'\\x01\\x00'), 7, 'board', (7, 2), b'\\t')\n"
    (tmp_path / "apart").mkdir()
    assert run(SOURCES, code, tmp_path / "apart") == expected
    (tmp_path / "joined").mkdir()
    assert run(joined, code, tmp_path / "joined") == expected


def test_what_a_board_does_not_need_is_gone() -> None:
    bundle = join({name: text for name, text in SOURCES.items() if name != "p.seldom"})
    for gone in ("hosts", "The size", "-> int", "HEAD_BYTES", "LIMIT", "from .", "from p"):
        if gone == "from p":
            assert "from p.seldom import seldom" in ast.unparse(bundle.tree)
        else:
            assert gone not in ast.unparse(bundle.tree), gone
    assert ast.unparse(bundle.tree).count("from struct import pack") == 1


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("from . import a\n", "p.b line 1 imports the module p.a as a whole"),
        ("def bytes(): pass\n", "p.b redefines the built-in bytes"),
        ("from .a import nothing\n", "imports nothing from p.a, which does not define it"),
        ("from .c import z\n", "in a circle: p.b -> p.c -> p.b"),
        ("helper = 1\ndef f(helper): return helper\n", "the local helper hides a global"),
    ],
)
def test_what_can_not_be_joined_says_why(second: str, message: str) -> None:
    sources = {"p.__init__": "", "p.a": "def helper(): pass\n", "p.b": second}
    sources["p.c"] = "from .b import z\n"
    with pytest.raises(BundlingError, match=message):
        join(sources)
