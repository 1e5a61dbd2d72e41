"""A board's time of day: from time servers that are dead, lie or agree; from a peer; afterwards."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import picolink
from picolink.cli.commands.doctor import examine
from picolink.net.clock import Clock
from picolink.net.timekeeping import _take
from picolink.node.services import time as time_service
from picolink.packing import compile_all
from picosim import WifiFaults, World

MAIN = """
from picolink import Node
import picolink.net.timekeeping as keeping
for name in keeping.TIMES:
    keeping.TIMES[name] = max(1, int(keeping.TIMES[name] * SCALE))
keeping.TIMES["better"] = int(10_000 * SCALE)
node = Node("garden")
node.time.servers = SERVERS
asked = node.time.unix_ms()

@node.command
def told(at_ms=None):
    clock = node.time
    return {"quality": clock.quality, "unix_ms": clock.unix_ms(at_ms), "why": clock.why,
        "utc": clock.utc(at_ms), "local": clock.local(at_ms), "text": clock.text(at_ms),
        "zone": clock.zone, "own_ms": node.now_ms()}

@node.command
def rtc():
    from machine import RTC
    return RTC().datetime()

@node.command
def zone(rule):
    node.time.zone = rule

WIFI
node.run("tcp-listen::5263")
"""

WIFI = """
import network, time
sta = network.WLAN(0)
sta.active(True)
sta.connect("lab", "password")
while not sta.isconnected():
    time.sleep_ms(20)
"""

Garden = Callable[..., picolink.Board]


class Noted(Clock):
    """Notes what it is set to."""

    def __init__(self, quality: str) -> None:
        super().__init__(lambda: 0)
        self.quality = quality
        self.told: list[tuple[int, int | None, str]] = []

    def set(self, unix_ms: int, at_ms: int | None = None, quality: str = "peer") -> None:
        self.told.append((unix_ms, at_ms, quality))


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=12) as world:
        yield world


@pytest.fixture
def garden(world: World) -> Iterator[Garden]:
    opened: list[picolink.Board] = []

    def make(*servers: str, wifi: str = "", scale: float = 0.05) -> picolink.Board:
        program = MAIN.replace("SERVERS", repr(servers)).replace("SCALE", str(scale))
        libs = compile_all(["tcp", "time"])
        board = world.board("garden", main=program.replace("WIFI", wifi), libs=libs)
        end_s = time.monotonic() + 20
        while True:
            try:
                opened.append(picolink.connect(f"tcp:{board.address}"))
                return opened[-1]
            except picolink.CannotConnect:
                assert time.monotonic() < end_s
                board.wait_state("main")

    yield make
    for host in opened:
        host.close()


def until(garden: picolink.Board, what: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """What the board tells as soon as `what` holds of it."""
    end_s = time.monotonic() + 20
    while not what(told := garden.call("told")):
        assert time.monotonic() < end_s, told
    return dict(told)


def doctor_says(world: World, *words: str) -> None:
    """What `picolink doctor` says of the time of day: nothing is wrong, or all these words."""
    for step in examine("tcp:" + world.boards["garden"].address):
        if "time of day" in step.what:
            assert step.ok != bool(words) and step.kind == ("no time server" if words else "")
            assert all(word in step.why + step.advice for word in words), step
            return
    raise AssertionError("it says nothing of it")


def ahead_s(told: dict[str, Any]) -> float:
    return float(told["unix_ms"] / 1000 - time.time())


def test_a_time_server_tells_it_and_the_real_time_clock_is_set(
    world: World, garden: Garden
) -> None:
    board = garden(world.time_server().address)
    told = until(board, lambda told: told["quality"] == "ntp")
    assert abs(ahead_s(told)) < 0.5 and told["why"] == ""
    assert tuple(told["utc"][:5]) == time.gmtime(told["unix_ms"] / 1000)[:5]
    year, month, day, weekday = board.call("rtc")[:4]
    now = time.gmtime()
    assert (year, month, day, weekday) == (now.tm_year, now.tm_mon, now.tm_mday, now.tm_wday)


def test_two_right_servers_outvote_one_that_lies(world: World, garden: Garden) -> None:
    servers = [world.time_server() for _ in range(3)]
    servers[0].ahead_s = 3600
    board = garden(*[server.address for server in servers])
    assert abs(ahead_s(until(board, lambda told: told["quality"] == "ntp"))) < 0.5


def test_servers_that_do_not_agree_are_not_believed_until_they_do(
    world: World, garden: Garden
) -> None:
    right, wrong = world.time_server(), world.time_server()
    wrong.ahead_s = -86400
    board = garden(right.address, wrong.address)
    # The host of this test is a peer that knows the time: better than nothing.
    told = until(board, lambda told: told["quality"] == "peer")
    assert "do not agree" in told["why"] and abs(ahead_s(told)) < 0.5
    doctor_says(world, "do not agree", "a time server of your own")
    wrong.ahead_s = 0
    until(board, lambda told: told["quality"] == "ntp")
    doctor_says(world)


def test_a_dead_server_is_asked_again(world: World, garden: Garden) -> None:
    server = world.time_server()
    server.dead = True
    board = garden(server.address)
    told = until(board, lambda told: told["why"])
    assert f"{server.address}: no answer" in told["why"]
    doctor_says(world, f"{server.address}: no answer", "Is there a way to the internet?")
    server.stratum, server.dead = 16, False
    until(board, lambda told: "does not know the time" in told["why"])
    server.stratum = 0
    until(board, lambda told: "refuses" in told["why"])
    server.stratum = 2
    told = until(board, lambda told: told["quality"] == "ntp")
    assert told["why"] == ""


def test_a_peer_tells_time_and_zone(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    board = garden()
    told = until(board, lambda told: told["quality"] == "peer")
    assert abs(ahead_s(told)) < 0.5
    assert told["zone"] == "CET-1CEST,M3.5.0,M10.5.0/3"


def test_local_time_and_what_was_before_the_time_was_known(world: World, garden: Garden) -> None:
    server = world.time_server()
    server.dead = True
    board = garden(server.address)
    own_ms = board.call("told")["own_ms"]
    then_s = time.time()
    server.dead = False
    until(board, lambda told: told["quality"] == "ntp")
    board.call("zone", "<+0545>-5:45")
    told = board.call("told", own_ms)
    assert abs(told["unix_ms"] / 1000 - then_s) < 0.5
    there = time.gmtime(told["unix_ms"] // 1000 + 20700)
    assert told["local"] == list(there[:6])
    assert told["text"] == time.strftime("%Y-%m-%d %H:%M:%S +0545", there)
    with pytest.raises(picolink.RemoteError, match="no rule of local time"):
        board.call("zone", "Europe/Berlin")


def test_over_wifi_by_a_name_whose_dns_is_dead_at_first(world: World, garden: Garden) -> None:
    server = world.time_server()
    port = server.address.rpartition(":")[2]
    lab = world.access_point(
        "lab", "password", names={"time.test": "127.0.0.1"},
        faults=WifiFaults(join_s=0.02, lease_s=0.02, dns_dead=True),
    )  # fmt: skip
    board = garden(f"time.test:{port}", f"nowhere.test:{port}", wifi=WIFI)
    told = until(board, lambda told: told["why"])
    assert "DNS server 192.168.1.1 does not answer" in told["why"]
    doctor_says(world, "DNS server 192.168.1.1 does not answer", "by IP")
    lab.set(WifiFaults())
    told = until(board, lambda told: told["quality"] == "ntp")
    assert server.asked >= 1 and abs(ahead_s(told)) < 0.5


def test_a_host_sets_it(garden: Garden) -> None:
    board = garden(scale=1000)  # by itself it will not ask again
    until(board, lambda told: told["quality"] == "peer")
    answer = board.call("sys.time", set_to=1_800_000_000_250, zone="EST5EDT,M3.2.0,M11.1.0")
    assert 0 <= answer["unix_ms"] - 1_800_000_000_250 < 1000
    assert answer["text"].startswith("2027-01-15 03:00:0") and answer["text"].endswith("EST")


@pytest.mark.parametrize(
    ("known", "better"),
    [
        ("unknown", {"peer", "ntp", "system"}),
        ("rtc", {"ntp", "system"}),
        ("peer", {"ntp", "system"}),
        ("ntp", set()),
        ("system", set()),
    ],
)
def test_whose_time_is_taken(known: str, better: set[str]) -> None:
    for quality in ("unknown", "rtc", "peer", "ntp", "system", "other"):
        clock = Noted(known)
        _take(clock, [(1_800_000_000_000, 7, quality, "")])
        taken = [(1_800_000_000_000, 7, "peer")] if quality in better else []
        assert clock.told == taken, quality


def test_who_goes_while_it_is_asked_says_nothing(
    garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = garden()
    until(board, lambda told: told["quality"] == "peer")
    leaves = picolink.Node("leaves")
    gone = threading.Event()
    serve = time_service.serve

    def serves(talk: Any, *args: Any) -> Any:
        if talk.node is not leaves:
            return serve(talk, *args)
        leaves.endpoint.close(talk.session, leaves.now_ms())
        gone.set()

    monkeypatch.setattr(time_service, "serve", serves)
    with contextlib.suppress(picolink.PicolinkError):
        picolink.connect(f"tcp:{board.address.removeprefix('tcp:')}", node=leaves).call("rtc")
    assert gone.wait(10)
    whys = set()
    end_s = time.monotonic() + 3
    while time.monotonic() < end_s:
        whys.add(board.call("told")["why"])
    assert whys == {""}


def test_local_time_follows_the_rule_that_was_set_last() -> None:
    clock = Clock(lambda: 0, "<+0545>-5:45")
    assert clock.text(0).endswith(" +0545")
    clock.zone = "EST5"
    assert clock.zone == "EST5" and clock.text(0).endswith(" EST")
    clock.zone = ""
    assert clock.zone == "" and clock.text(0).endswith(" UTC") and clock.local(0) == clock.utc(0)
