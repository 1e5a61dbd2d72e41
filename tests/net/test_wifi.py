"""The Wi-Fi supervisor on virtual boards: it joins, tells what is wrong, and recovers."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import picolink
from picolink import packing
from picolink.cli.commands.doctor import examine
from picolink.links.host.diagnosis import Step
from picolink.pytest_plugin import picolink_world  # noqa: F401
from picosim import AccessPoint, RadioFaults, VirtualBoard, WifiFaults, World

GROUPS = ["usb", "tcp", "wifi"]
QUICK = WifiFaults(join_s=0.05, lease_s=0.05, notice_s=0.1)

SCALE = """
from picolink.net import wifi
for name in wifi.TIMES:
    wifi.TIMES[name] = max(1, int(wifi.TIMES[name] * {scale}))
"""
MAIN = """
from picolink import Node
node = Node("board", wifi={wifi!r})

@node.command
def ping(x):
    return x + 1

node.run("usb:", "tcp-listen::5263")
"""


@pytest.fixture(autouse=True)
def own_announcements(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))


@pytest.fixture
def world(picolink_world: World) -> Iterator[World]:  # noqa: F811
    yield picolink_world


@pytest.fixture
def lab(world: World) -> AccessPoint:
    return world.access_point("lab", "password", faults=QUICK)


@pytest.fixture
def made(world: World) -> Callable[..., VirtualBoard]:
    def make(
        wifi: Any = ("lab", "password"),
        faults: RadioFaults | None = None,
        scale: float = 0.1,
        name: str = "board",
    ) -> VirtualBoard:
        main = MAIN.format(wifi=wifi)
        if scale != 1:
            main = SCALE.format(scale=scale) + main
        libs = packing.compile_all(GROUPS)
        board = world.board(name, main=main, libs=libs, start=False)
        board.radio.set(faults or RadioFaults())
        board.start()
        return board

    return make


def until(board: VirtualBoard, *words: str, timeout_s: float = 12) -> str:
    """Asks the board over USB until what it says of its Wi-Fi has all these words."""
    end_s = time.monotonic() + timeout_s
    with picolink.connect(board.usb_path) as node:
        while True:
            said: str = node.call("sys.wifi")
            if all(word in said for word in words):
                return said
            assert time.monotonic() < end_s, f"it never said {words}, but: {said}"
            with board.world.air.different:  # a board that is only asked has no time for more
                board.world.air.different.wait(0.1)


def doctor_says(board: VirtualBoard, kind: str) -> Step:
    """What `picolink doctor` says of the Wi-Fi at last."""
    last = list(examine(board.usb_path))[-1]
    assert "Wi-Fi" in last.what and re.fullmatch(kind, last.kind), last
    assert last.ok == (kind == "") and bool(last.advice) != last.ok, last
    return last


def reached(board: VirtualBoard) -> None:
    """It serves over Wi-Fi."""
    with picolink.connect("tcp:" + board.address) as node:
        assert node.call("ping", 1) == 2


def test_it_joins_and_is_reached(lab: AccessPoint, made: Callable[..., VirtualBoard]) -> None:
    """As packed for a board, and with its own times."""
    board = made(scale=1)
    assert board.radio.wait_joined() == "192.168.1.20"
    reached(board)
    assert until(board, "is up", "answers") == (
        "Wi-Fi is up: lab, signal -55 dBm, address 192.168.1.20. The gateway 192.168.1.1 answers."
    )
    doctor_says(board, "")
    assert "board: Wi-Fi lab, address 192.168.1.20\r\n" in board.log_text()
    assert (board.radio.pm, board.radio.hostname) == (0xA11140, "board")


def test_the_first_network_that_is_there_is_taken(
    world: World, lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    home = world.access_point("home", "other password", address="10.0.0.1", faults=QUICK)
    board = made([("home", "other password"), ("lab", "password")])
    assert board.radio.wait_joined() == "10.0.0.20"
    home.off()
    until(board, "is up: lab")
    lab.off()
    home.on()
    until(board, "is up: home")


def test_what_is_asked_for_is_set(lab: AccessPoint, made: Callable[..., VirtualBoard]) -> None:
    wifi = {
        "networks": ["lab", "password"], "address": "192.168.1.9", "hostname": "lamp",
        "country": "AT", "power_save": True,
    }  # fmt: skip
    radio = made(wifi).radio
    assert radio.wait_joined() == "192.168.1.9"
    assert (radio.hostname, radio.country, radio.pm) == ("lamp", "AT", 0xA11142)
    assert radio.settings == ("192.168.1.9", "255.255.255.0", "192.168.1.1", "192.168.1.1")


def test_the_file_names_the_network(world: World, lab: AccessPoint) -> None:
    board = world.board(
        "board",
        main="from picolink import Node\nNode().run()",
        files={"picolink.json": '{"name": "x", "links": ["usb:"], "wifi": ["lab", "password"]}'},
        libs=packing.compile_all(GROUPS),
    )
    assert board.radio.wait_joined() == "192.168.1.20"


@pytest.mark.parametrize(
    ("wifi", "why"),
    [
        (("lab", "short"), "has 5 characters; WPA2 has 8 to 63"),
        ("lab", "write a network as its name"),
        ({"network": ["lab", "password"]}, "there is no 'network'; there are: networks, address"),
        ({}, "neither networks to join nor an access point"),
        ({"networks": ["lab", "password"], "address": "192.168.1"}, "is no address"),
    ],
)
def test_a_wrong_wish_is_one_line_and_the_node_serves(
    made: Callable[..., VirtualBoard], wifi: Any, why: str
) -> None:
    board = made(wifi)
    with picolink.connect(board.usb_path) as node:
        assert node.call("ping", 1) == 2
    assert "board: no Wi-Fi: wifi: " in board.log_text() and why in board.log_text()


def test_a_board_without_the_group_says_so(world: World) -> None:
    board = world.board("b", main=MAIN.format(wifi=("a", "password")), libs=packing.compile_all())
    with picolink.connect(board.usb_path) as node:
        assert node.call("ping", 1) == 2
    assert "no Wi-Fi: picolink install brings it" in board.log_text()


# What goes wrong: it says so, recovers by itself, and other links go on meanwhile.


@dataclasses.dataclass
class Trouble:
    begin: Callable[[AccessPoint], None]
    kind: str
    said: tuple[str, ...]


def off(lab: AccessPoint) -> None:
    lab.off()


def fault(**faults: Any) -> Callable[[AccessPoint], None]:
    return lambda lab: lab.set(dataclasses.replace(QUICK, **faults))


def weak(lab: AccessPoint) -> None:
    lab.rssi = -88


def five_ghz(lab: AccessPoint) -> None:
    lab.channel = 36


def other_password(lab: AccessPoint) -> None:
    lab.password = "another password"


def nothing(lab: AccessPoint) -> None:
    pass


TROUBLES = {
    "off": Trouble(
        off, "not seen", ("No Wi-Fi: lab is not seen. Seen are: neighbour (-70 dBm).", "2.4 GHz")
    ),
    "5 GHz": Trouble(five_ghz, "not seen", ("lab is not seen", "5 GHz only")),
    "weak": Trouble(
        weak, "weak signal", ("the signal of lab is too weak (-88 dBm", "closer together")
    ),
    "password": Trouble(
        other_password, "wrong password", ("lab refuses the password", "in a row): it is wrong")
    ),
    "enterprise": Trouble(
        fault(enterprise=True), "wrong password", ("it is wrong", "WPA2-Enterprise", "hotspot")
    ),
    "refused at first": Trouble(
        fault(refuse_first=9),
        "password refused|wrong password",
        ("lab refuses the password", "is tried again"),
    ),
    "stuck": Trouble(
        lambda lab: (fault(wrong_password_joins=True)(lab), other_password(lab))[0],
        "stuck joining",
        ("lab does not let us in", "wrong password"),
    ),
    "no lease": Trouble(fault(no_lease=True), "no address", ("gives no address", "DHCP")),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_explained_and_survived(
    world: World, lab: AccessPoint, made: Callable[..., VirtualBoard], name: str
) -> None:
    trouble = TROUBLES[name]
    world.access_point("neighbour", "password", rssi=-70)
    trouble.begin(lab)
    board = made()
    until(board, *trouble.said)
    doctor_says(board, trouble.kind)
    lab.rssi, lab.channel, lab.password = -55, 6, "password"
    lab.set(QUICK)
    lab.on()
    board.radio.wait_joined(10)
    reached(board)
    assert board.log_text().count("board: no Wi-Fi: ") <= 8  # not a line for each try


def test_a_name_in_other_letters_is_told(
    world: World, lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    until(made(("Lab", "password")), "Write the name as it is there: 'lab'")


@pytest.mark.parametrize("believes", [False, True], ids=["noticed", "isconnected lies"])
def test_it_comes_back_after_the_access_point(
    lab: AccessPoint, made: Callable[..., VirtualBoard], believes: bool
) -> None:
    board = made(faults=RadioFaults(believes=believes))
    board.radio.wait_joined()
    with picolink.connect("tcp:" + board.address) as node:
        assert node.call("ping", 1) == 2
        until(board, "gateway 192.168.1.1 answers")
        lab.off()
        until(board, "lab is not seen")
        lab.on()
        board.radio.wait_joined(10)
        assert node.call("ping", 2) == 3  # the same session


def test_each_network_is_told_of(
    world: World, lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    lab.password = "another password"
    world.access_point("far", "password", rssi=-88)
    board = made([("lab", "password"), ("nowhere", "password"), ("far", "password")])
    said = until(board, "lab refuses", "nowhere is not seen", "far is too weak", "is wrong")
    assert len(said.splitlines()) == 3
    last = [step for step in examine(board.usb_path) if "Wi-Fi" in step.what]
    assert [step.kind for step in last] == ["wrong password", "not seen", "weak signal"]


def test_other_links_do_not_wait_for_the_wifi(
    lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    fault(no_lease=True)(lab)
    board = made([("nowhere", "password"), ("lab", "password")])
    with picolink.connect(board.usb_path) as node:
        slowest_s = 0.0
        tried = set()
        end_s = time.monotonic() + 3
        while time.monotonic() < end_s:
            began_s = time.monotonic()
            assert node.call("ping", 1) == 2
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            tried.add(board.radio.wanted[0])
    assert tried >= {"nowhere", "lab"}
    assert slowest_s < 0.5


ASKING = """
from picolink import Node
node = Node("asking", wifi=("lab", "password"))
far = node.peer("tcp:far.test")
near = node.peer("tcp:board.local")

@node.command
def ping(x):
    return x + 1

@node.command(blocking_s=20)
async def ask(name):
    try:
        return await {"far": far, "near": near}[name].call("ping", 1, timeout_s=5)
    except Exception as error:
        return str(error)

node.run("usb:", "mqtt://broker.test/lab")
"""


def test_other_links_do_not_wait_for_a_name(
    world: World, lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    """Firmware's `getaddrinfo` would hold everything up for 5 s at a time where DNS is dead."""
    fault(dns_dead=True)(lab)
    lab.names["far.test"] = made().radio.wait_joined()
    asking = world.board("asking", main=ASKING, libs=packing.compile_all([*GROUPS, "mqtt"]))
    asking.radio.wait_joined()
    with picolink.connect(asking.usb_path) as node:
        assert node.call("ask", "near", timeout_s=20) == 2  # by multicast DNS
        slowest_s = 0.0
        end_s = time.monotonic() + 6
        while time.monotonic() < end_s:
            began_s = time.monotonic()
            assert node.call("ping", 1) == 2
            slowest_s = max(slowest_s, time.monotonic() - began_s)
        assert slowest_s < 0.5
        why = node.call("ask", "far", timeout_s=20)
        assert "far.test is not known" in why and "192.168.1.1 does not answer" in why
        lab.set(QUICK)
        assert node.call("ask", "far", timeout_s=20) == 2


def test_an_idle_board_stays_reachable(lab: AccessPoint, made: Callable[..., VirtualBoard]) -> None:
    board = made(faults=RadioFaults(silent_after_s=1.0))
    board.radio.wait_joined()
    with board.world.air.different:
        # It would be silent after a second of which it is told nothing.
        board.world.air.different.wait_for(lambda: board.radio.silent, 3)
    assert not board.radio.silent
    reached(board)


def test_power_save_is_off(lab: AccessPoint, made: Callable[..., VirtualBoard]) -> None:
    board = made(faults=RadioFaults(power_save_s=5))
    board.radio.wait_joined()
    began_s = time.monotonic()
    reached(board)
    assert time.monotonic() - began_s < 4
    board.kill()
    asked = made({"networks": ["lab", "password"], "power_save": True}, name="saving")
    until(asked, "Power save is on, as was asked for: answers come late, by seconds")


def test_a_fixed_address_of_another_network_gives_way_to_dhcp(
    lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    board = made({"networks": ["lab", "password"], "address": "192.168.7.2"})
    said = until(board, "is up: lab", "192.168.1.20")
    assert "not the address that was set (192.168.7.2): its gateway 192.168.7.1" in said
    doctor_says(board, "other address")
    reached(board)


def test_a_gateway_that_does_not_answer(
    lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    lab.dhcp = False
    board = made(
        {"networks": ["lab", "password"], "address": "192.168.1.9", "gateway": "192.168.1.7"}
    )
    until(board, "address 192.168.1.9. But the gateway 192.168.1.7 does not answer")
    doctor_says(board, "gateway silent")
    reached(board)


def test_a_password_that_worked_is_refused_later(
    lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    board = made()
    until(board, "is up")
    lab.off()
    lab.password = "another password"
    lab.on()
    until(board, "refuses a password that it took before", "was changed")
    doctor_says(board, "password refused")


def test_access_point_and_station_at_once(
    world: World, lab: AccessPoint, made: Callable[..., VirtualBoard]
) -> None:
    own = {"access_point": ["mine", "other password"], "access_point_address": "192.168.10.1"}
    board = made({"networks": ["lab", "password"], **own})
    until(board, "The access point mine is open at 192.168.10.1.", "Wi-Fi is up: lab")
    guest = made(("mine", "other password"), name="guest")
    assert guest.radio.wait_joined() == "192.168.4.16"
    assert board.radio.interfaces()[1].ip == "192.168.1.20"
    lab.off()
    until(board, "The access point mine is open", "lab is not seen")
    assert guest.radio.status == 3


def test_a_node_without_wifi_says_so(world: World, lab: AccessPoint) -> None:
    main = MAIN.format(wifi=None)
    board = world.board("board", main=main, libs=packing.compile_all(GROUPS))
    with picolink.connect(board.usb_path) as node:
        with pytest.raises(picolink.UnknownCommand, match="looks after no Wi-Fi"):
            node.call("sys.wifi")
    assert not [step for step in examine(board.usb_path) if "Wi-Fi" in step.what]


def test_the_radio_is_released_when_the_program_ends(world: World, lab: AccessPoint) -> None:
    board = world.board(
        "board",
        libs=packing.compile_all(GROUPS),
        main="""
import asyncio
from picolink import Node
node = Node("board", wifi=("lab", "password"))
async def main():
    await node.wifi.joined.wait()
    print("joined", node.wifi.address)
node.run("usb:", main())
import network
print("then", network.WLAN().active(), network.WLAN().status())
""",
    )
    board.wait_state("repl", timeout_s=8)
    lines = board.log_text().splitlines()
    assert "joined 192.168.1.20" in lines and "then False 0" in lines
