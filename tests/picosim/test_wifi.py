"""The simulated radio: networks, addresses, and all that is wrong with them."""

from __future__ import annotations

import dataclasses
import errno
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wlan import SETUP, Wlan

from picosim import RadioFaults, WifiFaults, World
from picosim.toml import BadWorld

QUICK = WifiFaults(join_s=0.02, lease_s=0.02, notice_s=0.05)
PORT = 5263


@pytest.fixture
def wlan(world: World) -> Iterator[Callable[[str], Wlan]]:
    made = []

    def make(name: str) -> Wlan:
        made.append(Wlan(world, name))
        return made[-1]

    yield make
    for board in made:
        board.repl.close()


def dial(board: Wlan, timeout_s: float = 0.3) -> socket.socket:
    return socket.create_connection((board.board.address, PORT), timeout=timeout_s)


def with_listener(board: Wlan) -> Wlan:
    board.do(f"l = listen({PORT})")
    return board


def test_without_a_network_there_is_nobody(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", "password", faults=QUICK)
    a = with_listener(wlan("a"))
    assert a.ask("sta.active(), sta.status(), sta.isconnected()") == (False, 0, False)
    assert a.ask("sta.ifconfig()") == ("0.0.0.0",) * 4
    assert a.ask("error(dial, '192.168.1.1', 80)") == errno.EHOSTUNREACH
    assert a.ask("error(sta.connect, 'lab', 'password')") == errno.EPERM
    a.do("u = socket.socket(2, 2)")
    assert a.ask("error(u.sendto, b'x', ('192.168.1.1', 80))") == errno.EHOSTUNREACH
    with pytest.raises(TimeoutError):
        dial(a)


def test_joined_boards_reach_each_other_and_this_computer(
    world: World, wlan: Callable[[str], Wlan]
) -> None:
    world.access_point("lab", "password", channel=11, rssi=-61, address="10.1.2.1", faults=QUICK)
    a, b = with_listener(wlan("a")), wlan("b")
    assert [board.ask("join('lab', 'password')") for board in (a, b)] == [3, 3]
    assert a.ask("sta.ifconfig()") == ("10.1.2.20", "255.255.255.0", "10.1.2.1", "10.1.2.1")
    assert b.ask("sta.ifconfig()[0], sta.ipconfig('addr4'), sta.ipconfig('gw4')") == (
        "10.1.2.21", ("10.1.2.21", "255.255.255.0"), "10.1.2.1",
    )  # fmt: skip
    assert b.ask("sta.config('ssid'), sta.config('channel'), sta.status('rssi')") == (
        "lab", 11, -61,
    )  # fmt: skip
    b.do(f"s = dial('10.1.2.20', {PORT})\ns.write(b'hello')")
    a.do("c, peer = l.accept()\nc.write(c.recv(9).upper())")
    assert a.ask("peer[0]") == "10.1.2.21"
    assert b.ask("s.recv(9)") == b"HELLO"
    assert b.ask("error(dial, '10.1.2.20', 99)") == errno.ECONNREFUSED
    assert b.ask("error(dial, '10.1.2.99', 99)") in (errno.ETIMEDOUT, errno.EINPROGRESS)
    with dial(a) as host:
        a.do("c, peer = l.accept()\nc.write(b'from a board')")
        assert host.recv(20) == b"from a board"
        assert a.ask("peer[0]") == "10.1.2.1"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(3)
        b.do(f"s = dial('10.1.2.1', {server.getsockname()[1]})\ns.write(b'to the router')")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(20) == b"to the router"


def test_datagrams(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", faults=QUICK)
    a, b = wlan("a"), wlan("b")
    for board in (a, b):
        assert board.ask("join('lab')") == 3
    a.do("u = socket.socket(2, 2)\nu.bind(('', 7))\nu.settimeout(3)")
    b.do("u = socket.socket(2, 2)\nu.settimeout(3)\nu.sendto(b'there', ('192.168.1.20', 7))")
    a.do("data, peer = u.recvfrom(99)\nu.sendto(b'back', peer)")
    assert a.ask("data, peer[0]") == (b"there", "192.168.1.21")
    assert b.ask("u.recvfrom(99)") == (b"back", ("192.168.1.20", 7))
    b.do("u.sendto(b'all', ('255.255.255.255', 7))")
    assert a.ask("u.recvfrom(99)[0]") == b"all"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.settimeout(3)
        host.sendto(b"host", (a.board.address, 7))
        a.do("data, peer = u.recvfrom(99)\nu.sendto(data + b'!', peer)")
        assert host.recvfrom(99) == (b"host!", (a.board.address, 7))


def test_two_networks_are_two(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", "password", faults=QUICK)
    world.access_point("home", "password", faults=QUICK, internet=False)
    a, b = with_listener(wlan("a")), wlan("b")
    assert a.ask("join('lab', 'password')") == b.ask("join('home', 'password')") == 3
    assert a.ask("sta.ifconfig()[0]") == b.ask("sta.ifconfig()[0]") == "192.168.1.20"
    b.do("sta.ifconfig(('192.168.1.9', '255.255.255.0', '192.168.1.1', '1.1.1.1'))")
    assert b.ask(f"error(dial, '192.168.1.20', {PORT})") != 0
    assert b.ask("join('lab', 'password')") == 3
    assert b.ask(f"error(dial, '192.168.1.20', {PORT})") == 0


def test_a_static_address_and_a_wrong_one(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", "password", dhcp=False, faults=QUICK)
    a = with_listener(wlan("a"))
    a.do("sta.active(True)")
    a.do("sta.ifconfig(('192.168.1.77', '255.255.255.0', '192.168.1.1', '192.168.1.1'))")
    assert a.ask("join('lab', 'password'), sta.ifconfig()[0]") == (3, "192.168.1.77")
    with dial(a):
        assert a.ask("l.accept()[1][0]") == "192.168.1.1"
    a.do("sta.ifconfig(('192.168.9.77', '255.255.255.0', '192.168.9.1', '192.168.9.1'))")
    with pytest.raises(TimeoutError):
        dial(a)


def test_scan_tells_what_is_heard(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("near", "password", rssi=-40, channel=1)
    world.access_point("far", rssi=-88)
    world.access_point("too far", rssi=-95)
    world.access_point("5 GHz", "password", channel=36)
    world.access_point("dark").off()
    a = wlan("a")
    a.do("sta.active(True)")
    found = a.ask("sorted((n, ch, rssi, sec) for n, _, ch, rssi, sec, _ in sta.scan())")
    assert found == [(b"far", 6, -88, 0), (b"near", 1, -40, 5)]
    assert a.ask("join('far')") == -1
    for name in ("5 GHz", "too far", "dark", "nowhere"):
        assert a.ask(f"join('{name}', 'password')") == -2


def test_a_wrong_password(world: World, wlan: Callable[[str], Wlan]) -> None:
    lab = world.access_point("lab", "password", faults=QUICK)
    a = wlan("a")
    assert a.ask("join('lab', 'passwort'), sta.isconnected()") == (-3, False)
    lab.set(dataclasses.replace(QUICK, wrong_password_joins=True))
    a.do("sta.connect('lab', 'passwort')")
    assert a.ask("until(lambda: sta.status() != 1, 300), sta.status()") == (False, 1)
    lab.set(dataclasses.replace(QUICK, enterprise=True))
    assert a.ask("join('lab', 'password')") == -3


def test_a_right_password_refused_at_first(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", "password", faults=dataclasses.replace(QUICK, refuse_first=2))
    a = wlan("a")
    tries = "[join('lab', 'password') for _ in range(3)]"
    assert a.ask(tries) == [-3, -3, 3]
    assert a.ask(tries) == [3, 3, 3]
    a.board.reset()
    a.repl.reopen(5)
    a.enter()
    assert a.ask(tries) == [-3, -3, 3]


def test_no_address(world: World, wlan: Callable[[str], Wlan]) -> None:
    lab = world.access_point("lab", faults=dataclasses.replace(QUICK, no_lease=True))
    a = wlan("a")
    a.do("network.hostname('a')\nsta.active(True)\nsta.connect('lab')")
    assert a.ask("until(lambda: sta.status() == 2)") is True
    assert a.ask("until(sta.isconnected, 300), sta.status(), sta.ifconfig()[0]") == (
        False, 2, "0.0.0.0",
    )  # fmt: skip
    b = wlan("b")
    b.do("sta.active(True)")
    b.do("sta.ifconfig(('192.168.1.77', '255.255.255.0', '192.168.1.1', '192.168.1.1'))")
    assert b.ask("join('lab')") == 3
    assert b.ask("error(socket.getaddrinfo, 'a.local', 1)") == -2  # a name without an address
    lab.set(QUICK)
    assert a.ask("until(sta.isconnected)") is True


def test_the_access_point_goes_and_comes(world: World, wlan: Callable[[str], Wlan]) -> None:
    lab = world.access_point("lab", "password", faults=QUICK)
    a = with_listener(wlan("a"))
    assert a.ask("join('lab', 'password')") == 3
    with dial(a, 3) as host:
        a.do("c, peer = l.accept()")
        lab.off()
        host.sendall(b"late")
        a.do("c.settimeout(0.2)")
        assert a.ask("error(c.recv, 9)") in (errno.EAGAIN, errno.ETIMEDOUT)
        assert a.ask("until(lambda: not sta.isconnected()), sta.status()") == (True, 1)
        with pytest.raises(TimeoutError):
            dial(a)
        assert a.ask("join('lab', 'password')") == -2
        lab.on()
        # The driver does not come back by itself.
        assert a.ask("until(sta.isconnected, 200)") is False
        assert a.ask("join('lab', 'password')") == 3
        a.do("c.settimeout(3)")
        assert a.ask("c.recv(9)") == b"late"  # TCP had it


def test_isconnected_may_lie(world: World, wlan: Callable[[str], Wlan]) -> None:
    lab = world.access_point("lab", faults=QUICK)
    a = wlan("a")
    a.board.radio.set(RadioFaults(believes=True))
    assert a.ask("join('lab')") == 3
    lab.off()
    assert a.ask("until(lambda: not sta.isconnected(), 300), sta.status()") == (False, 3)
    assert a.ask("error(dial, '192.168.1.1', 80)") != 0


def test_power_save_makes_it_slow(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", faults=QUICK)
    a = with_listener(wlan("a"))
    a.board.radio.set(RadioFaults(power_save_s=0.5))
    assert a.ask("hex(sta.config('pm')), join('lab')") == ("0xa11142", 3)
    with dial(a, 3) as host:
        a.do("c, peer = l.accept()")
        for pm, slow in (("sta.PM_PERFORMANCE", True), ("0xa11140", False)):
            a.do(f"sta.config(pm={pm})")
            began_s = time.monotonic()
            host.sendall(b"x")
            assert a.ask("c.recv(1)") == b"x"
            assert (time.monotonic() - began_s > 0.45) is slow


def test_silent_after_idling_until_it_sends(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", faults=QUICK)
    a = with_listener(wlan("a"))
    assert a.ask("join('lab')") == 3
    dial(a).close()
    a.board.radio.set(RadioFaults(silent_after_s=1.5))
    assert a.ask("until(lambda: 0, 1600)") is False
    with pytest.raises(TimeoutError):
        dial(a)
    a.do("socket.socket(2, 2).sendto(b'x', ('192.168.1.1', 9))")
    dial(a).close()


def test_who_comes_late_is_reached_by_who_dialed_early(
    world: World, wlan: Callable[[str], Wlan]
) -> None:
    world.access_point("lab", faults=QUICK)
    a, b = wlan("a"), with_listener(wlan("b"))
    assert a.ask("join('lab')") == 3
    a.do(f"s = socket.socket()\ns.setblocking(False)\nto = ('192.168.1.21', {PORT})")
    assert a.ask("error(s.connect, to)") == errno.EINPROGRESS
    assert b.ask("join('lab')") == 3
    assert b.ask("l.accept()[1][0]") == "192.168.1.20"
    done = f"until(lambda: error(s.connect, to) in (0, {errno.EISCONN}))"
    assert a.ask(done) is True


def test_a_board_is_the_access_point(world: World, wlan: Callable[[str], Wlan]) -> None:
    a, b = with_listener(wlan("a")), wlan("b")
    a.do("ap.config(ssid='two boards', password='password', channel=4)\nap.active(True)")
    assert a.ask("ap.ifconfig()[0], ap.isconnected(), ap.status('stations')") == (
        "192.168.4.1", False, [],
    )  # fmt: skip
    assert b.ask("join('two boards', 'password'), sta.ifconfig()[0]") == (3, "192.168.4.16")
    assert a.ask("ap.isconnected(), len(ap.status('stations'))") == (True, 1)
    b.do(f"s = dial('192.168.4.1', {PORT})\ns.write(b'on')")
    a.do("c, peer = l.accept()")
    assert a.ask("c.recv(9), peer[0]") == (b"on", "192.168.4.16")
    # Another address, and static ones: what was dialed before has no way any more.
    a.do("ap.ifconfig(('192.168.10.1', '255.255.255.0', '192.168.10.1', '8.8.8.8'))")
    assert b.ask(f"error(dial, '192.168.10.1', {PORT})") != 0
    b.do("sta.ifconfig(('192.168.10.2', '255.255.255.0', '192.168.10.1', '192.168.10.1'))")
    assert b.ask(f"error(dial, '192.168.10.1', {PORT})") == 0
    assert a.ask("l.accept()[1][0]") == "192.168.10.2"
    a.do("ap.active(False)")
    assert b.ask("until(lambda: not sta.isconnected())") is True


def test_an_access_point_that_keeps_its_address(world: World, wlan: Callable[[str], Wlan]) -> None:
    a = wlan("a")
    a.board.radio.set(RadioFaults(default_address=1))
    set_it = "ap.ifconfig(('192.168.10.1', '255.255.255.0', '192.168.10.1', '8.8.8.8'))"
    a.do("ap.active(True)\n" + set_it)
    assert a.ask("ap.ifconfig()[0]") == "192.168.4.1"
    a.do(set_it)
    assert a.ask("ap.ifconfig()[0]") == "192.168.10.1"
    a.do("ap.active(False)\nap.active(True)")
    assert a.ask("ap.ifconfig()[0]") == "192.168.4.1"  # as on a board: set it once it is active


def test_names(world: World, wlan: Callable[[str], Wlan]) -> None:
    world.access_point("lab", names={"example.com": "127.0.0.1"}, faults=QUICK)
    a, b = wlan("a"), wlan("b")
    b.do("network.hostname('lamp')")
    assert a.ask("join('lab')") == b.ask("join('lab')") == 3
    resolve = "socket.getaddrinfo('{}', 5263)[0][-1]"
    assert a.ask(resolve.format("lamp.local")) == ("192.168.1.21", 5263)
    assert a.ask(resolve.format("example.com")) == ("127.0.0.1", 5263)
    assert a.ask("error(socket.getaddrinfo, 'example.org', 1)") == -2
    assert a.ask("network.country('AT'), network.country()") == (None, "AT")


def test_resets(world: World, wlan: Callable[[str], Wlan]) -> None:
    """A soft reset closes sockets and leaves the radio alone; power takes everything."""
    world.access_point("lab", "password", faults=QUICK)
    a, b = with_listener(wlan("a")), wlan("b")
    assert a.ask("join('lab', 'password')") == b.ask("join('lab', 'password')") == 3
    b.do(f"s = dial('192.168.1.20', {PORT})")
    a.do("c, peer = l.accept()")
    a.repl.soft_reset()
    a.repl.run(SETUP)
    assert b.ask("s.recv(9)") == b""
    assert a.ask("sta.isconnected()") is True
    with_listener(a)
    b.do(f"s = dial('192.168.1.20', {PORT})")
    a.do("c, peer = l.accept()")
    a.board.power_off()
    b.do("s.settimeout(0.3)")
    assert b.ask("error(s.recv, 9)") in (errno.EAGAIN, errno.ETIMEDOUT)  # nobody said goodbye
    a.board.power_on()
    a.repl.reopen(5)
    a.enter()
    assert a.ask("sta.active(), sta.status()") == (False, 0)
    assert a.ask("join('lab', 'password')") == 3
    b.do("s.settimeout(3)\ns.write(b'are you there?')")
    assert b.ask("error(s.recv, 9)") == errno.ECONNRESET  # it knows nothing of that connection


def test_the_wire_is_gone_once_the_radio_is_used(world: World, wlan: Callable[[str], Wlan]) -> None:
    other = world.board("other")
    a = world.board(
        "a",
        main=f"""
import socket
from machine import Pin
def dial():
    try:
        socket.socket().connect(("{other.address}", 1))
    except OSError as e:
        return e.errno
print("wire", dial())
import network
print("no WLAN yet", dial())
network.WLAN()
print("air", dial())
""",
    )
    a.wait_state("repl")
    assert a.log_text().splitlines()[:3] == ["wire 111", "no WLAN yet 111", "air 113"]


TOML = """
[[access_point]]
ssid = "lab"
password = "password"
address = "10.0.0.1"
refuse_first = 1
join_s = 0.02
lease_s = 0.02
[board.a]
main = "a.py"
power_save_s = 0.1
"""


def test_from_toml(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import network\nw = network.WLAN()\nw.active(True)\n"
        "for _ in range(2):\n"
        " w.connect('lab', 'password')\n"
        " while w.status() in (1, 2): pass\n"
        " print(w.status(), w.ifconfig()[0])\n"
    )
    path = tmp_path / "world.toml"
    path.write_text(TOML)
    with World.from_toml(path) as world:
        board = world.boards["a"]
        board.wait_state("repl")
        assert board.log_text().splitlines()[:2] == ["-3 0.0.0.0", "3 10.0.0.20"]
        assert board.radio.faults == RadioFaults(power_save_s=0.1)
    path.write_text(TOML + "[[access_point]]\nssid = 'x'\npassword = 'short'")
    with pytest.raises(BadWorld, match=r"\[\[access_point\]\].*8 to 63"):
        World.from_toml(path)
