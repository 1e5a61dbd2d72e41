"""Every link that a board may have can be brought to it, by its name and by its address."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from picolink.core.errors import BadAddress, UsageError
from picolink.install import program, settings
from picolink.links.registry import SCHEMES
from picolink.links.tcp.telling import tell
from picolink.packing import GROUPS
from picosim import World

Run = Callable[..., "tuple[int, str, str]"]

SNIPPETS = Path(__file__).parent.parent.parent / "docs" / "snippets"
BOARD_SCHEMES = [scheme for scheme, folder in SCHEMES.items() if folder in GROUPS]
#: What follows the scheme, where nothing would be no address.
WHERE = {
    "tcp": "192.168.1.7",
    "tcp-listen": ":5263",
    "uart": "1?baud=9600",
    "i2c": "0/0x43",
    "i2c-target": "0/0x44?sda=0&scl=1",
    "i2c-registers": "0/0x43",
    "mqtt": "//broker/home",
    "mqtts": "//user:pass@broker:8883/home",
    "ble": "door",
    "loopback": "here",
    "loopback-listen": "here",
}


def address(scheme: str) -> str:
    return f"{scheme}:{WHERE.get(scheme, '')}"


def brought(picolink: Run, *arguments: str) -> list[str]:
    """The links whose files the board would get."""
    code, out, err = picolink("install", "usb:auto", *arguments, "--dry-run", "--json")
    assert code == 0, err
    copied = json.loads(out)["copied"]
    return [folder for folder in GROUPS if f"/lib/picolink/links/{folder}/board.mpy" in copied]


@pytest.mark.timeout(300)  # it compiles much, where nothing is kept yet
def test_every_scheme_is_installed_by_its_address(world: World, picolink: Run) -> None:
    world.board("fresh")
    for scheme in BOARD_SCHEMES:
        links = {"usb", SCHEMES[scheme]}
        assert set(brought(picolink, "--links", f"usb,{address(scheme)}")) == links, scheme


def test_every_scheme_is_found_in_a_program(world: World, picolink: Run, tmp_path: Path) -> None:
    world.board("fresh")
    main = tmp_path / "main.py"
    for scheme in BOARD_SCHEMES:
        source = f"from picolink import Node\nnode = Node()\nnode.run('usb:', '{address(scheme)}')"
        assert program.addresses(source.encode()) == sorted({"usb:", address(scheme)})
        main.write_text(source)
        links = {"usb", SCHEMES[scheme]}
        assert set(brought(picolink, "--links", "usb", "--main", str(main))) == links, scheme
    assert program.addresses(b"'note: no link', 'http://host', 'usb', f'i2c:{bus}/0x43'") == [
        "i2c:"
    ]


@pytest.mark.parametrize("name", sorted({*BOARD_SCHEMES, *settings.available()}))
def test_every_name_is_a_link_or_says_what_is_missing(name: str) -> None:
    if name in settings.ADDRESSES:
        known = settings.address_of(name)
        assert settings.is_address(known) and settings.group_of(known) == SCHEMES[name]
    else:
        with pytest.raises(UsageError, match=f"the link {name} needs more than its name"):
            settings.address_of(name)


def test_a_name_that_is_none_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="use ble, i2c, tcp, uart, usb"):
        settings.address_of("i2cc")


def test_nodes_in_the_network_tell_of_every_link_that_waits() -> None:
    waiting = [address(s) for s in BOARD_SCHEMES if s.endswith(("-listen", "-target", "-periph"))]
    waiting += ["usb:", "uart:0", "ble-peripheral:", "i2c-registers:0/0x43"]
    waiting.remove("loopback-listen:here")
    others = ["mqtt://user:secret@broker", "tcp:192.168.1.7", "ble:door", "i2c:0/0x43"]
    links = [(SimpleNamespace(address=where), None) for where in waiting + others]
    node = SimpleNamespace(
        name="n", endpoint=SimpleNamespace(uid=b"12345678"), listeners=links, drivers=[]
    )
    assert sorted(tell(node)["links"]) == sorted(waiting)


@pytest.mark.parametrize(
    "line",
    [
        "from picolink.mqtt import Mqtt",
        "from picolink import mqtt",
        "import picolink.mqtt",
        "from picolink.links.mqtt import Client",
    ],
)
def test_an_import_brings_what_it_imports(line: str) -> None:
    """The broker's address may stand in a file of the user's."""
    assert program.says(line.encode()) == ["mqtt"]


# docs/i2c.md, as it is written there


def test_the_page_of_i2c_on_boards_without_picolink(
    world: World, picolink: Run, tmp_path: Path
) -> None:
    from picosim.i2c import host as device

    main = tmp_path / "main.py"
    main.write_bytes((SNIPPETS / "i2c_board.py").read_bytes())
    shed = world.board("shed")
    bus = world.i2c_host(1, shed.i2c(0, 0, 1))
    assert device.install()
    code, out, err = picolink("install", "usb:shed", "--main", str(main), "--links", "usb,i2c")
    assert code == 0 and "i2c-target:0/0x43" in out, err
    assert picolink("doctor", "i2c:1/0x43")[0] == 0
    assert picolink("call", "i2c:1/0x43", "led_set", "on") == (0, "on\n", "")
    shed.pin("LED").wait(1)
    bus.close()


def test_the_link_of_a_boards_file_is_a_target(world: World, picolink: Run) -> None:
    shed = world.board("shed")
    bus = world.i2c_host(1, shed.i2c(0, 0, 1))
    code, out, err = picolink("install", "usb:shed", "--links", "usb,i2c")
    assert code == 0 and "i2c-target:0/0x43" in out, err
    assert picolink("call", "i2c:1/0x43", "led_set", "on") == (0, "on\n", "")
    bus.close()


def test_the_page_of_i2c_between_two_boards(world: World, picolink: Run, tmp_path: Path) -> None:
    names = ("shed", "door")
    shed, door = (world.board(name) for name in names)
    world.i2c(shed.i2c(0, 0, 1), door.i2c(0, 0, 1), pull_ups=True)
    for name, snippet in zip(names, ("i2c_board", "i2c_peer")):
        main = tmp_path / f"{name}.py"
        main.write_bytes((SNIPPETS / f"{snippet}.py").read_bytes())
        code, out, err = picolink("install", f"usb:{name}", "--main", str(main))
        assert code == 0 and f"{name} answers" in out, err
    door.pin(15).press()
    shed.pin("LED").wait(1, timeout_s=10)


@pytest.mark.parametrize(
    "link", ["mqtt://h/lab?ca=/x", "mqtts://h/lab?ca=", "tcp-listen::5263?x=1", "mqtt://"]
)
def test_an_address_that_is_wrong_is_refused_before_anything_is_done(link: str) -> None:
    with pytest.raises(BadAddress):
        settings.address_of(link)
