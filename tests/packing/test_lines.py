"""Tracebacks of an installed board lead to the right lines of the sources, and cost no memory."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from both import SEED, count

import picolink
from picolink import packing
from picolink.cli.main import main
from picolink.core.errors import RemoteError, UsageError
from picolink.packing.assembling import board_texts, join_loaded
from picolink.packing.lines import (
    BLOCK_BYTES,
    Function,
    _after_tables,
    _decoded,
    _encoded,
    _number,
    printed,
)
from picolink.packing.tracebacks import located
from picosim import World

CPYTHON_ONLY = "packs for boards"
MAIN = """
from picolink import Node
node = Node("board")

@node.command
def deep():
    node.reading(5, every_s="a")(print)

@node.command
def made():
    node.command(blocking_s=3)(3)

@node.command
async def awaited():
    await node.peer("tcp:127.0.0.1:9").call(3, timeout_s="a")

node.run("usb:")
"""
FRAME = re.compile(r'  File "([^"]+)", line (\d+), in (\S+)')


def functions(mpy: bytes) -> Iterator[Function]:
    at, end = _after_tables(mpy), len(mpy)
    while at < end:
        head, at = _number(mpy, at)
        yield Function(mpy[at : at + (head >> 3)])
        at += head >> 3
        if head & 4:
            _, at = _number(mpy, at)


def steps(function: Function) -> list[tuple[int, int]]:
    """From which byte on it is in which line."""
    found: list[tuple[int, int]] = []
    for offset, line in dict(function.lines()).items():
        if not found or line > found[-1][1]:
            found.append((offset, line))
    return found


def name_of(mpy: bytes, function: Function) -> str:
    """Its name; "" where MicroPython has it by a number."""
    at = 4
    names, at = _number(mpy, at)
    _, at = _number(mpy, at)
    wanted, _ = _number(function.names, 0)
    for number in range(names):
        length, at = _number(mpy, at)
        if number == wanted:
            return "" if length & 1 else mpy[at : at + (length >> 1)].decode()
        at += 0 if length & 1 else (length >> 1) + 1
    raise AssertionError("no such name")


def test_line_numbers_are_written_as_they_are_read() -> None:
    draw = random.Random(SEED)
    for _ in range(count(4000)):
        offsets = sorted(draw.sample(range(600), draw.randrange(9)))
        lines = sorted(draw.sample(range(2, 6000), len(offsets)))
        entries = list(zip(offsets, lines))
        told = dict(_decoded(_encoded(entries)))
        assert [(at, told[at]) for at in offsets] == entries


def test_nothing_but_the_line_numbers_changes() -> None:
    packed = {how: packing.compile_all(["usb"], lines=how) for how in ("none", "spare", "all")}
    for place in packed["all"]:
        three = [list(functions(packed[how][place])) for how in ("none", "spare", "all")]
        assert len(three[0]) == len(three[1]) == len(three[2])
        for none, spare, whole in zip(*three):
            assert none.rest == spare.rest == whole.rest and none.names == whole.names
            assert none.with_lines(whole.lines()) == whole.with_lines(whole.lines())
            assert set(steps(spare)) <= set(steps(whole))


def test_they_take_hardly_any_memory() -> None:
    """Blocks of a board's heap, of what a node with USB keeps."""
    bytes_of = {}
    for how in ("none", "spare", "all"):
        packed = packing.compile_all(["usb"], march="armv6m", lines=how)
        kept = [packed[f"picolink/{name}.mpy"] for name in ("__init__", "links/usb/board")]
        each = [len(f.with_lines(f.lines())) for mpy in kept for f in functions(mpy)]
        bytes_of[how] = sum(-(-size // BLOCK_BYTES) * BLOCK_BYTES for size in each)
    print(bytes_of)
    assert bytes_of["spare"] - bytes_of["none"] <= 256
    assert bytes_of["all"] - bytes_of["none"] > 1000, "then nothing has to be left out"


def test_every_line_that_is_told_is_one_of_its_function() -> None:
    texts = board_texts(packing.GROUPS)
    sources = {name.replace(".", "/") + ".py": text.split("\n") for name, text in texts.items()}
    found = ambiguous = 0
    for place, mpy in packing.compile_all(packing.GROUPS).items():
        for function in functions(mpy):
            name = name_of(mpy, function)
            if not name.isidentifier():
                continue
            for line in dict(function.lines()).values():
                said = located(f'File "picolink/*.py", line {line}, in {name}')
                files = re.findall(r'"([^"]+)"', said)
                if "*" in said:
                    continue
                found += place.count("picolink/__init__")
                ambiguous += len(files) > 1
                assert all(sources[file][line - 1].strip() for file in files), said
    assert found > 300 and ambiguous < 0.1 * found, (found, ambiguous)


def test_each_printed_line_knows_its_own() -> None:
    """Names that stand in a line of a joined module stand in the source's statement."""
    texts = board_texts(packing.GROUPS)
    checked = 0
    for name, tree in join_loaded(texts).items():
        text, origins = printed(tree)
        for line, (module, number) in zip(text.split("\n"), origins):
            if line.strip().startswith(("return self.", "self.")) and module:
                attribute = re.findall(r"self\.(\w+)", line)[0]
                statement = "\n".join(texts[module].split("\n")[number - 1 : number + 12])
                assert attribute in statement, (name, line, module, number)
                checked += 1
    assert checked > 1000


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=6) as world:
        yield world


@pytest.mark.parametrize("lines", ["spare", "all"])
def test_a_traceback_of_an_installed_board_leads_to_the_source(
    world: World, lines: str, capsys: pytest.CaptureFixture[str]
) -> None:
    libs = packing.compile_all(["usb", "tcp", "describe"], lines=lines)
    board = world.board("board", main=MAIN, libs=libs, usb="pty")
    seen = []
    with picolink.connect(board.usb_path) as node:
        for command in ("deep", "made", "awaited"):
            with pytest.raises(RemoteError) as raised:
                node.call(command)
            frames = FRAME.findall(located(raised.value.traceback))
            assert len(frames) >= 3, raised.value.traceback
            for file, line, name in frames:
                if file.startswith("picolink/"):
                    assert "*" not in file, raised.value.traceback
                    in_source(file, int(line), re.sub("^[A-Z][a-z]+__", "", name))
                    seen.append((file, name))
    assert {("picolink/node/invoke.py", "call"), ("picolink/node/node.py", "reading")} <= set(seen)
    capsys.readouterr()
    assert main(["call", board.usb_path, "deep", "--traceback"]) == 1
    assert 'File "picolink/node/node.py"' in capsys.readouterr().err


def in_source(file: str, line: int, name: str) -> None:
    """The line is one of a function of that name, in the source."""
    tree = ast.parse((packing.SOURCES.parent / file).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            known = getattr(node, "name", "<lambda>")
            if node.lineno <= line <= (node.end_lineno or 0) and name == known:
                return
    raise AssertionError(f"{file} line {line} is not in {name}")


def test_the_command_translates_files_and_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = '  File "picolink/*.py", line 1, in next_packet_\n  File "main.py", line 1, in f\n'
    (tmp_path / "log").write_text(said)
    assert main(["where", str(tmp_path / "log")]) == 0
    assert capsys.readouterr().out == said  # nothing that is known
    line = next(
        node.lineno
        for node in ast.walk(ast.parse((packing.SOURCES / "core/inbox.py").read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "deliver"
    )
    monkeypatch.setattr("sys.stdin", [f'File "picolink/*.py", line {line + 2}, in deliver\n'])
    assert main(["where"]) == 0
    expected = f'File "picolink/core/inbox.py", line {line + 2}, in deliver\n'
    assert capsys.readouterr().out == expected
    assert main(["where", str(tmp_path / "nothing")]) == 2


def test_how_many_lines_is_one_of_three() -> None:
    with pytest.raises(UsageError, match="use spare, all, none"):
        packing.compile_all(["usb"], lines="some")
