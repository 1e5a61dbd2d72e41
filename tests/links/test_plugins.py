"""Links in packages of their own: found by their entry point, and named where they do not load."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served_node import Served

import picolink
from picolink import Node
from picolink.cli.commands.doctor import examine
from picolink.cli.commands.links import help_of_links
from picolink.core.errors import BadAddress, CannotConnect
from picolink.links import options, registry
from picolink.links.host import plugins
from picolink.links.host.user_address import normalise

OWN_LINK = Path(__file__).parents[2] / "docs" / "snippets" / "own_link.py"
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package, as far as Python's own search for installed packages goes."""
    before = set(sys.modules)
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(options, "OPTIONS", dict(options.OPTIONS))
    monkeypatch.setattr(plugins, "OPTIONS", options.OPTIONS)

    def install(distribution: str, module: str, source: str, *schemes: str) -> Path:
        site.joinpath(f"{module}.py").write_text(source)
        info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        )
        entries = "".join(f"{scheme} = {module}\n" for scheme in schemes)
        info.joinpath("entry_points.txt").write_text(f"[picolink.link]\n{entries}")
        importlib.invalidate_caches()
        return site

    yield install
    for name in set(sys.modules) - before:
        if name.startswith("plugged_"):
            del sys.modules[name]


@pytest.fixture
def unix(install: Install) -> Path:
    """The package of docs/own-link.md."""
    return install(
        "picolink-unix", "plugged_unix", OWN_LINK.read_text("utf-8"), "unix", "unix-listen"
    )


@pytest.fixture
def served(unix: Path, tmp_path: Path) -> Iterator[str]:
    """The address at which a node of this program listens."""
    node = Node("plugged")

    @node.command
    def echo(value):  # type: ignore[no-untyped-def]
        return value

    serving = Served(node, f"unix-listen:{tmp_path}/socket").start()
    yield serving.at
    serving.close()


def test_a_program_talks_over_it(served: str) -> None:
    with picolink.connect(served, timeout_s=10) as board:
        assert board.name == "plugged"
        assert board.call("echo", "over a link of its own") == "over a link of its own"
        assert board.call("echo", "x" * 10_000) == "x" * 10_000


def test_its_options_come_to_it(served: str) -> None:
    with picolink.connect(f"{served}?mtu=200", timeout_s=10) as board:
        assert board.call("echo", "y" * 2000) == "y" * 2000
        (driver,) = board._client.node.drivers
        assert driver.link.mtu_bytes == 200


def test_asyncio_programs_talk_over_it(served: str) -> None:
    async def call() -> object:
        async with picolink.aio.connect(f"{served}?mtu=300") as board:
            return await board.call("echo", 5)

    assert asyncio.run(call()) == 5


def test_an_option_that_it_has_not_is_told(unix: Path) -> None:
    with pytest.raises(BadAddress, match="unix has no option speed; there are mtu"):
        picolink.connect("unix:/nowhere?speed=3")
    with pytest.raises(BadAddress, match="unix-listen has no option mtu; it takes none"):
        registry.split("unix-listen:/nowhere?mtu=3")


def test_what_it_raises_is_what_is_told(unix: Path) -> None:
    with pytest.raises(CannotConnect, match="unix:/nowhere/at/all can't be opened"):
        picolink.connect("unix:/nowhere/at/all")


def test_picolink_links_lists_it(unix: Path) -> None:
    listed = help_of_links()["unix"]
    assert listed["address"] == "unix:PATH" and "mtu" in listed["options"]
    path = os.pathsep.join([str(unix), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "picolink", "links", "--json"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["unix"] == listed


def test_an_unknown_scheme_is_told_those_that_were_found_too(unix: Path) -> None:
    with pytest.raises(BadAddress, match=r"no link has the scheme 'unicks'; .*uart, unix, unix-"):
        registry.load("unicks")
    assert registry.split("unicks:x?a=b") == ("unicks", "x?a=b", {})


def test_ours_can_not_be_overridden(install: Install) -> None:
    install("sly", "plugged_sly", "raise RuntimeError('it was imported')", "usb", "tcp")
    assert plugins.found() == {}
    assert registry.load("tcp").__name__ == "picolink.links.tcp.host"
    assert "plugged_sly" not in sys.modules


def test_a_package_that_does_not_load_is_named(install: Install) -> None:
    install("picolink-wet", "plugged_wet", "import no_such_library", "wet")
    with pytest.raises(CannotConnect) as told:
        picolink.connect("wet:string")
    text = str(told.value)
    for words in ("the link wet", "the package picolink-wet 1.5", "No module named 'no_such_lib"):
        assert words in text
    assert "picolink-wet 1.5" in help_of_links()["wet"]["what"]
    assert "usb" in help_of_links()


def test_a_module_that_lacks_something_is_named(install: Install) -> None:
    install("half", "plugged_half", "def open_link(*a): pass\nHELP = {}", "half")
    with pytest.raises(
        CannotConnect, match=r"half 1\.5, and its module plugged_half has no open_a"
    ):
        registry.load("half")
    install("mute", "plugged_mute", "HELP = {}\nopen_link = open_async = print", "mute")
    with pytest.raises(CannotConnect, match=r"plugged_mute has no HELP\['mute'\]"):
        registry.load("mute")


def test_two_packages_with_one_scheme_are_named(install: Install) -> None:
    install("one", "plugged_one", "", "same")
    install("two", "plugged_two", "", "same")
    with pytest.raises(CannotConnect, match=r"(one|two) 1\.5 and (one|two) 1\.5"):
        registry.load("same")


def test_what_stands_before_a_colon_may_still_be_a_host(unix: Path) -> None:
    assert normalise("shed:5263") == "tcp:shed:5263"
    assert normalise("unix:5263") == "unix:5263"
    assert normalise("192.168.1.20:5263") == "tcp:192.168.1.20:5263"


def test_it_may_bring_a_doctor(install: Install) -> None:
    source = (
        "from picolink.links.host.diagnosis import good\n"
        "HELP = {'ill': ('ill:', '', {})}\nopen_link = open_async = print\n"
        "class doctor:\n"
        "    def examine(where, options):\n        yield good('the place ' + where)\n"
    )
    install("doctored", "plugged_doctored", source, "ill")
    assert [step.what for step in examine("ill:here")] == ["the place here"]
    install(
        "undoctored", "plugged_undoctored", source.split("class")[0].replace("ill", "sad"), "sad"
    )
    with pytest.raises(BadAddress, match="brings the link sad can't examine it"):
        list(examine("sad:here"))


def test_packages_are_not_searched_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "found", lambda: pytest.fail("searched"))
    for address in ("usb:auto", "tcp:localhost?", "uart:/dev/x?baud=9600", "mqtt://h/lab?qos=1"):
        scheme = address.partition(":")[0]
        try:
            registry.split(normalise(address))
        except BadAddress:
            assert address.endswith("?")
        registry.load(scheme)
    code = "import sys, picolink; print('importlib.metadata' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "False\n"
