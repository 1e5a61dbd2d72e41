"""What `describe` tells of a program whose decorators say little: read from its source."""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Callable

import pytest
from install.files import read

import picolink as api
from picolink.install import program
from picosim import World

Run = Callable[..., "tuple[int, str, str]"]

MAIN = '''\
from picolink import Node
node = Node()

@node.command
def dim(level: "0..100 %" = 50, lamp="hall"):
    """Sets the brightness.

    Not told."""
    return [level, lamp]

@node.command(help="Said by the decorator", mode="on|off")
def switch(mode="off", twice=False):
    "Said by the source"
    return mode

@node.command
async def both(first, second: int = 1 + 1):
    return first

@node.command(name="renamed")
def inner(*any): return list(any)

@node.stream
def count(to: int):
    """Counts."""
    yield to

@node.reading("humidity", unit="%", every_s=5)
def wet():
    """In the soil"""
    return 40

node.run()
'''


def told(source: str) -> dict[str, object]:
    found = json.loads(program.source_help(source.encode()))
    assert found.pop("crc32") == f"{crc32(source.encode()):08x}"
    return dict(found)


def test_what_is_read_from_a_source() -> None:
    assert told(MAIN) == {
        "commands": {
            "dim": [
                "Sets the brightness.",
                [["level", "0..100 %"], ["lamp", "str"]],
                {"level": 50, "lamp": "hall"},
            ],
            "switch": [
                "Said by the source",
                [["mode", "str"], ["twice", "bool"]],
                {"mode": "off", "twice": False},
            ],
            "both": ["", [["first", ""], ["second", "int"]], {"second": "1 + 1"}],
            "count": ["Counts.", [["to", "int"]], {}],
        },
        "readings": {"humidity": "In the soil"},
    }


@pytest.mark.parametrize(
    ("signature", "args", "defaults"),
    [
        ("a: Literal['x', 'y'] = 'x'", [["a", "x|y"]], {"a": "x"}),
        ("a: 'on|off'", [["a", "on|off"]], {}),
        ("a=None, *, b=(1, 2)", [["a", ""], ["b", ""]], {"a": None, "b": [1, 2]}),
        ("a: Pin = LED, b: 7 = -1.5", [["a", ""], ["b", "float"]], {"a": "LED", "b": -1.5}),
        ("a=b'x', b={1, 2}", [["a", ""], ["b", ""]], {"a": "b'x'", "b": "{1, 2}"}),
    ],
)
def test_arguments(signature: str, args: object, defaults: object) -> None:
    found = told(f"@node.command\ndef f({signature}):\n    'F.'\n")
    assert found["commands"] == {"f": ["F.", args, defaults]}


@pytest.mark.parametrize("source", ["", "x = (", "@node.other\ndef f(a): pass\n", "a = 1\0"])
def test_a_source_that_tells_nothing(source: str) -> None:
    assert told(source) == {"commands": {}, "readings": {}}


def test_describe_tells_it_until_the_program_changes(world: World, picolink: Run) -> None:
    board = world.board("fresh", main=MAIN)
    assert picolink("install", "usb:auto")[0] == 0
    assert read(board, "/main.py") == MAIN.encode()
    with api.connect("usb:auto") as connected:
        commands = connected.describe()["commands"]
        assert commands["dim"]["help"] == "Sets the brightness."
        assert commands["dim"]["args"] == [["level", "0..100 %"], ["lamp", "str"]]
        assert commands["dim"]["defaults"] == {"level": 50, "lamp": "hall"}
        # the decorator's word counts, where it says one
        assert commands["switch"]["help"] == "Said by the decorator"
        assert commands["switch"]["args"] == [["mode", "on|off"]]
        assert not commands["renamed"]["declared"] and commands["count"]["stream"]
        assert connected.describe()["readings"]["humidity"]["help"] == "In the soil"
        assert connected.call("dim", 30) == [30, "hall"]
    shown = picolink("describe", "usb:auto")[1]
    assert "dim [level=0..100 %] [lamp=str]" in shown and "Sets the brightness." in shown
    with api.connect("usb:auto") as connected:
        connected.call("dim")
    replace(board, MAIN.replace("dim(level", "dim(bright"))
    with api.connect("usb:auto", start=True) as connected:
        assert connected.describe()["commands"]["dim"]["help"] == "", "of the program before"
    assert picolink("install", "usb:auto")[0] == 0
    assert "[bright=0..100 %]" in picolink("describe", "usb:auto")[1]


@pytest.mark.parametrize("damage", ["", "[", '{"crc32": 1}', "[1]", '"crc32"'])
def test_a_damaged_file_is_as_none(world: World, picolink: Run, damage: str) -> None:
    board = world.board("fresh", main=MAIN)
    assert picolink("install", "usb:auto")[0] == 0
    replace(board, damage, program.HELP_PATH)
    code, out, err = picolink("describe", "usb:auto", "--start")
    assert code == 0 and "dim" in out and "brightness" not in out, err


def replace(board: object, text: str, path: str = program.PATH) -> None:
    from picolink.install.repl import Repl
    from picolink.links.usb.discover import Port

    repl = Repl(Port(board.usb_path))  # type: ignore[attr-defined]
    try:
        repl.enter()
        repl.prepare()
        repl.write(path, text.encode())
    finally:
        repl.restart()
