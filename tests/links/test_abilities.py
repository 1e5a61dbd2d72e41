"""What links may be able to do: each ability that is asked for has a Protocol, and whoever has it
has all of it. Read from the sources, since most links can be imported on one side only."""

from __future__ import annotations

import ast
import asyncio
import functools
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import picolink
from picolink.links.host import abilities
from picolink.links.host.abilities import Diagnosable, Listener, Paced, Reopening, Restartable
from picolink.links.registry import SCHEMES

PACKAGE = Path(picolink.__file__).parent
LINKS = PACKAGE / "links"

#: What a link is called where it is asked, as the last part of an expression.
CALLED = {"link", "_link", "listener", "_listener", "pollable"}
#: Where the name that is asked for is not written there: file -> the names.
BY_VARIABLE = {"node/features/quiet.py": {"pause", "resume"}}


def protocols() -> dict[str, type]:
    """All abilities, by name."""
    return {
        name: thing
        for name, thing in vars(abilities).items()
        if isinstance(thing, type) and thing.__module__ == abilities.__name__
    }


def members(protocol: type) -> set[str]:
    """What a Protocol names."""
    return {n for n in [*vars(protocol), *inspect.get_annotations(protocol)] if n[0] != "_"}


def own(name: str) -> set[str]:
    """What tells an ability: what of it no link has without it."""
    return members(protocols()[name]) - {"address", "close"}


def members_of_link() -> set[str]:
    """The names in `base.Link`, which is there for mypy only."""
    tree = ast.parse((LINKS / "base.py").read_text("utf-8"))
    (link,) = (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == "Link")
    return set(names_in(link))


def names_in(thing: ast.ClassDef) -> Iterator[str]:
    """What a class declares, or gives itself in any method."""
    for node in thing.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
            for inner in ast.walk(node):
                if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                    if isinstance(inner.value, ast.Name) and inner.value.id == "self":
                        yield inner.attr
        elif isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Assign):
            yield from (ast.unparse(target) for target in node.targets)


def modules() -> list[Path]:
    """All that asks links; a virtual board's own files are other programs."""
    return [p for p in sorted(PACKAGE.rglob("*.py")) if not p.is_relative_to(PACKAGE / "sim")]


def probes(source: str, by_variable: set[str]) -> Iterator[tuple[int, str]]:
    """(line, name) of all that is asked of a link by `hasattr` or `getattr`."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id not in ("hasattr", "getattr"):
            continue
        asked, name = node.args[:2]
        if ast.unparse(asked).split(".")[-1] not in CALLED:
            continue
        if isinstance(name, ast.Constant):
            yield node.lineno, name.value
        else:
            assert by_variable, f"line {node.lineno} asks for {ast.unparse(name)}: BY_VARIABLE"
            yield from ((node.lineno, each) for each in sorted(by_variable))


def all_probes() -> list[tuple[str, int, str]]:
    found = []
    for path in modules():
        place = path.relative_to(PACKAGE).as_posix()
        for line, name in probes(path.read_text("utf-8"), BY_VARIABLE.get(place, set())):
            found.append((place, line, name))
    return found


def test_every_ability_is_explained() -> None:
    assert len(protocols()) >= 10
    for name, protocol in protocols().items():
        assert inspect.getdoc(protocol), name
        for member in members(protocol):
            function = inspect.getattr_static(protocol, member, None)
            if function is not None:
                assert inspect.getdoc(function), f"{name}.{member} promises nothing"


def test_what_is_asked_of_a_link_belongs_to_a_protocol() -> None:
    named = members_of_link().union(*(members(p) for p in protocols().values()))
    asked = all_probes()
    assert {"accept", "reopen", "shared", "damaged", "stalls", "watch", "state", "pause"} <= {
        name for _, _, name in asked
    }
    wrong = [f"{place}:{line} {name}" for place, line, name in asked if name not in named]
    assert wrong == [], "name it in links/host/abilities.py: what it promises, and who asks"


def test_the_scan_sees_what_it_should() -> None:
    source = "hasattr(driver.link, 'a')\ngetattr(self._listener, 'b', 1)\ngetattr(node, 'c')\n"
    assert list(probes(source, set())) == [(1, "a"), (2, "b")]
    assert list(probes("getattr(link, name)", {"d", "e"})) == [(1, "d"), (1, "e")]
    with pytest.raises(AssertionError, match="BY_VARIABLE"):
        list(probes("getattr(link, name)", set()))


# The classes of links


@functools.cache
def classes() -> dict[str, dict[str, ast.ClassDef]]:
    """module path -> its classes, of all that links are made of."""
    paths = [*LINKS.rglob("*.py"), PACKAGE / "node/features/mqtt_topics/broker.py"]
    found = {}
    for path in paths:
        if path.name != "abilities.py":
            tree = ast.parse(path.read_text("utf-8"))
            place = path.relative_to(PACKAGE).as_posix()
            found[place] = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    return found


def with_bases(thing: ast.ClassDef, others: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """A class and what it inherits from other classes of links."""
    line = [thing]
    for base in thing.bases:
        name = ast.unparse(base)
        if name in others and others[name] is not thing:
            line += with_bases(others[name], others)
    return line


@functools.cache
def links() -> dict[str, list[ast.ClassDef]]:
    """ "place:Class" -> the class and its bases, of every link and every listener."""
    everything = classes()
    by_name = {name: thing for found in everything.values() for name, thing in found.items()}
    result = {}
    for place, found in everything.items():
        for name, thing in found.items():
            line = with_bases(thing, {**by_name, **found})
            names = {n for each in line for n in names_in(each)}
            link = {"send", "receive", "on_text", "mtu_bytes", "close"} <= names
            if link or {"accept", "watch"} <= names:
                result[f"{place}:{name}"] = line
    return result


def signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """What a method takes, in one form: quotes of annotations aside."""
    arguments = ast.unparse(function.args).replace("'", "").replace("self, ", "")
    kind = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    return f"{kind}{function.name}({arguments})"


def methods(line: list[ast.ClassDef]) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    found: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for thing in reversed(line):
        for node in thing.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[node.name] = node
    return found


@functools.cache
def promised() -> dict[str, list[ast.ClassDef]]:
    tree = ast.parse(Path(abilities.__file__).read_text("utf-8"))
    return {n.name: [n] for n in tree.body if isinstance(n, ast.ClassDef)}


def lacks(line: list[ast.ClassDef], name: str) -> list[str]:
    """What a class that has something of an ability lacks of it."""
    has = {n for each in line for n in names_in(each)}
    if name == "Watching" and "accept" in has:
        return []  # a listener's is Listener's
    if not own(name) & has or (name == "Listener" and "accept" not in has):
        return []
    wrong = []
    ours, theirs = methods(promised()[name]), methods(line)
    for member in sorted(members(protocols()[name])):
        if member not in has:
            wrong.append(f"{name}.{member} is missing")
        elif member in ours and member in theirs:
            if signature(ours[member]) != signature(theirs[member]):
                wrong.append(f"{signature(theirs[member])} is not {signature(ours[member])}")
    return wrong


@pytest.mark.parametrize("name", sorted(links()))
def test_a_link_with_part_of_an_ability_has_all_of_it(name: str) -> None:
    line = links()[name]
    assert [what for ability in protocols() for what in lacks(line, ability)] == []


def test_every_scheme_has_classes_that_are_looked_at() -> None:
    folders = {name.split("/")[1] for name in links() if name.startswith("links/")}
    assert set(SCHEMES.values()) <= folders
    assert "node/features/mqtt_topics/broker.py:Mqtt" in links()


def test_every_ability_is_some_links() -> None:
    for ability in set(protocols()) - {"Stoppable", "Paced"}:  # which no link is itself
        having = [
            name
            for name, line in links().items()
            if own(ability) <= {n for each in line for n in names_in(each)}
        ]
        assert having, f"no link has {ability}: nobody needs it"


def test_what_is_missing_is_told() -> None:
    def told(body: str, ability: str) -> list[str]:
        (thing,) = ast.parse(f"class A:\n    {body}").body
        assert isinstance(thing, ast.ClassDef)
        return lacks([thing], ability)

    assert told("def pause(self): pass", "Pausable") == ["Pausable.resume is missing"]
    assert told("def other(self): pass", "Pausable") == []
    (wrong,) = told("async def reopen(self): pass", "Reopening")
    assert wrong == "async reopen(self) is not reopen(self)"
    (wrong,) = told('def diagnose(self, heard: "bytes"): pass', "Diagnosable")
    assert wrong.startswith("diagnose(heard: bytes) is not diagnose(heard: bytes, wait")


# The same of real objects


def test_isinstance_asks_for_an_ability() -> None:
    from picolink.links.loopback.link import LoopbackLink, open_link
    from picolink.links.uart.host import HostPort, Pollable
    from picolink.links.uart.wait_for_port import ServedPort
    from picolink.links.usb.host import UsbLink

    for link, ability in ((UsbLink, Restartable), (UsbLink, Diagnosable), (ServedPort, Reopening)):
        assert isinstance(link.__new__(link), ability)
        assert not isinstance(LoopbackLink("loopback:x", 64), ability)
    listener = open_link("loopback-listen", "abilities", {})
    try:
        assert isinstance(listener, Listener)
        assert not isinstance(open_link("loopback", "abilities", {}), Listener)
    finally:
        listener.close()
    port = HostPort(-1, "/dev/nowhere", 9600)
    pollable = Pollable(7)
    pollable.later_ms = port.later_ms
    assert isinstance(pollable, Paced) and not isinstance(7, Paced)


def test_a_watch_can_be_stopped() -> None:
    from picolink.links.loopback.link import LoopbackListener
    from picolink.node.host.loop_asyncio import Host

    class Node:
        host: Any = None

    async def watched() -> Any:
        Node.host = Host(lambda: None)
        return LoopbackListener("watched").watch(Node(), lambda: None)

    assert isinstance(asyncio.run(watched()), abilities.Stoppable)
