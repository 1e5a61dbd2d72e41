"""What the docs and examples name works on an installed board: each name is used there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from board_names import Use, collect, of_page

import picolink as api
from picolink.node.host.blocking import Board
from picosim import World

Run = Callable[..., "tuple[int, str, str]"]

#: Its strings have `install` bring what the names need.
MAIN = '''\
import sys
import picolink
from picolink import Node

ADDRESSES = ("i2c-target:0/0x43", "ble-peripheral:", "mqtt://127.0.0.1:9", "uart:0", "tcp-listen:")
node = Node("names", wifi=("lab", "password"))
objects = {"Node": node, "picolink": picolink, "Clock": node.time, "Quiet": node.quiet()}
@node.command
async def prepare():
    await node.wifi.joined.wait()
    desk = node.peer("desk")
    objects["Wifi"] = node.wifi
    objects["Peer"] = desk
    objects["Reading"] = await desk.read("light")
    objects["Subscription"] = await desk.subscribe("light")
    objects["CallError"] = picolink.CallError("x")
    objects["RemoteError"] = picolink.RemoteError("x", "ValueError", "...")
    from picolink.links.mqtt import Client
    from picolink.mqtt import Mqtt
    objects["Client"] = Client(ADDRESSES[2])
    objects["Mqtt"] = Mqtt(ADDRESSES[2])
    objects["Message"] = sys.modules["picolink.links.mqtt"].Message("topic", b"", 0, False, False)

def resolved(owner):
    if owner in objects:
        return objects[owner]
    if owner[:8] == "picolink":
        module, _, name = owner.rpartition(".")
        try:
            return getattr(__import__(module, None, None, (name,)), name)
        except AttributeError:
            pass
        return __import__(owner, None, None, (name,))
    owner, _, name = owner.rpartition(".")
    return getattr(resolved(owner), name)

def order(**named):
    return list(named)

def with_strange(word):
    """The argument and one that nothing takes: in this order, and so that they come in this order
    where they are handed on by **."""
    yield "%s=None, strange=None" % word
    for number in range(1000):
        for pair in ("%s=None, strange%d=None", "strange%d=None, %s=None"):
            pair = pair % ((word, number) if pair[0] == "%" else (number, word))
            if eval("order(%s)" % pair, {"order": order})[0] == word:
                yield pair
                return
    raise ValueError("no such order")

def refuses(function, word):
    """Why the function takes no such argument. It is not run: it takes no strange one either."""
    for arguments in with_strange(word):
        try:
            made = eval("f(%s)" % arguments, {"f": function})
            if hasattr(made, "close"):
                made.close()
        except TypeError as error:
            if "strange" not in str(error) and "missing" not in str(error):
                return "%s=: %s" % (word, error)
        except Exception:
            pass  # it took them

@node.command
def use(owner, name, words, value, called):
    try:
        thing = resolved(owner)
        if value:
            exec("thing.%s = %s" % (name, value), {"thing": thing})
        try:
            member = getattr(thing, name)
        except (AttributeError, KeyError):
            if not callable(thing):
                raise
            return refuses(thing, name)
        if called:
            member()
        for word in words:
            why = refuses(member, word)
            if why:
                return why
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)

node.run("usb:")
'''


@pytest.fixture
def installed(world: World, picolink: Run, tmp_path: Path) -> Iterator[Board]:
    """A board on which it was installed as users do, and which has prepared all objects."""
    world.access_point("lab", "password")
    world.board("names", heap_bytes=2_000_000)
    main = tmp_path / "main.py"
    later = "if 0:\n    node.deliver_and_sleep()\n    node.on_delivery(None)\n"
    main.write_text(MAIN.replace("node.run(", later + "node.run("))
    code, _, err = picolink("install", "usb:auto", "--main", str(main), "--links", "usb")
    assert code == 0, err
    desk = api.Node("desk")
    desk.reading("light", every_s=60)(lambda: 50)
    with api.connect("usb:auto", node=desk) as board:
        board.call("prepare", timeout_s=20)
        yield board


def failure(board: Board, use: Use) -> str:
    """Why a board has none of what is documented; "" where it has it."""
    value = "" if use.value in ("...", "Ellipsis") else use.value
    whys = []
    for owner in use.owners:
        why = board.call("use", owner, use.name, list(use.keywords), value, use.called)
        if not why:
            return ""
        whys.append(f"{owner}: {why}")
    return "; ".join(whys)


def test_every_name_of_the_docs_works_on_an_installed_board(installed: Board) -> None:
    uses = collect()
    wrong = [
        f"{use}, in {', '.join(sorted(set(places)))}: {why}"
        for use, places in uses.items()
        if (why := failure(installed, use))
    ]
    assert not wrong, "\n".join(wrong)
    assert {"Node", "Clock", "Peer", "Wifi", "Reading", "Client", "Mqtt", "Message"} <= {
        owner for use in uses for owner in use.owners
    }
    assert len(uses) > 120


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("time.md", "`node.time.hour()`"),
        ("time.md", "`node.time.known`, `.minutes`"),
        ("api.md", "## Wi-Fi\n| `node.wifi` | |\n| --- | --- |\n| `excuses()` | why not |"),
        ("battery.md", "| `node.deliver_and_sleep(to, ...)` | |\n| --- | --- |\n| `every_m` | |"),
        ("text.md", "## A dialect of one's own\n`encoding` says which"),
        ("api.md", "`@node.reading(\"x\", every_ms=5)`"),
        ("api.md", "`node.peer(\"a\").call_them()`"),
        ("api.md", "### Calling another board\n`ring`"),
        ("mqtt.md", "`Client(keep_s=3)`"),
        ("errors.md", "# Errors\n| `NotToday` | |"),
        ("api.md", "`from picolink.postal import Stamp`"),
        ("time.md", "`node.time.zone = 7`"),
    ],
)  # fmt: skip
def test_one_that_does_not_is_found(installed: Board, page: str, text: str) -> None:
    assert [use for use in of_page(page, text) if failure(installed, use)]


def test_what_programs_use_is_followed() -> None:
    found = {str(use) for use in collect()}
    assert {
        "Clock.known", "Clock.utc()", "Clock.servers = ('192.168.1.1',)", "Node.text(link=)",
        "Peer.call(level=, timeout_s=)", "Reading.missed", "picolink.mqtt.Mqtt(json=)",
        "Wifi.explain()", "Node.deliver_and_sleep(done_pin=)", "picolink.links.mqtt.Client",
    } <= found  # fmt: skip
