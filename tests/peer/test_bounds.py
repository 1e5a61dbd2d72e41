"""What a peer can make a node keep, and what happens at the bound (section 14)."""

import os
import socket
import time

import pytest

from peer import wire
from peer.calls import Peer
from peer.links import Lost, TcpLink
from peer.nodes import Computer
from peer.session import Over, receive_hello
from peer.wire import Data

CPYTHON_ONLY = "the second implementation runs on CPython alone"
SOAK = bool(int(os.environ.get("PICOLINK_SOAK") or 0))


@pytest.fixture
def own_computer():
    """A node whose memory nobody else fills."""
    node = Computer()
    yield node
    node.end()


def say_hello(link, peer):
    """A hello, and nothing after it."""
    peer.send_hello(link, peer.hello())
    return receive_hello(link, time.monotonic() + 3)


def test_a_full_node_refuses_strangers_and_its_own_kind(wifi):
    """4.19, 14.1: four sessions on a board, none of which is dormant."""
    wifi.clear()
    peers = [wifi.peer() for _ in range(4)]
    for uid in (b"a stranger", b"the peer too"):
        with pytest.raises(Over, match="refused"):
            wifi.unattached(uid=uid).dial(wifi.link())
    peers.pop().goodbye()
    assert wifi.peer(uid=b"a stranger").call("echo", 1) == 1


def test_a_dormant_session_makes_room_for_its_own_kind_and_only_when_it_is_confirmed(wifi):
    """4.19, 4.21, 14.1."""
    wifi.clear()
    watcher, dormant, *others = (wifi.peer() for _ in range(4))
    lose(dormant, watcher)
    with pytest.raises(Over, match="refused"):
        wifi.unattached(uid=b"a stranger").dial(wifi.link())
    assert not say_hello(wifi.link(), wifi.unattached()).refused  # and never confirmed
    assert not dormant.dial(wifi.link()).fresh  # so the dormant one has its place still
    lose(dormant, watcher)
    assert wifi.peer().call("echo", 1) == 1
    assert states(watcher).count("attached") == 4
    with pytest.raises(Over):
        dormant.dial(wifi.link())
    assert others[0].call("echo", 1) == 1


def lose(peer, watcher):
    """Closes the link of a peer; its session is dormant then."""
    peer.attach.link.close()
    peer.attach = None
    watcher.run(lambda: states(watcher).count("dormant") == 1)


def states(peer):
    return [session["state"] for session in peer.call("sys.stats")["sessions"]]


def test_a_session_whose_peer_was_not_met_takes_no_room(tcps):
    """4.19, 14.1: forty hellos that are answered and never confirmed, and then a right one."""
    tcps.clear()
    watcher = tcps.peer()
    before = states(watcher).count("attached")
    for _ in range(40):
        answer = say_hello(tcps.link(), tcps.unattached(uid=os.urandom(12)))
        assert answer is not None and not answer.refused
    assert states(watcher).count("attached") == before
    assert tcps.peer().call("echo", 1) == 1
    assert watcher.call("echo", 1) == 1


def test_forty_hellos_on_one_link(way):
    """4.21, 14.1: one answer a link; each newer one takes the place of the one before."""
    link = way.link()
    way.clear()
    for _ in range(40):
        peer = way.unattached(uid=os.urandom(12))
        assert say_hello(link, peer) is not None
    assert way.peer(link).call("echo", 1) == 1


def test_connections_that_say_nothing_make_room(tcps):
    """14.1: the oldest without a session is closed, one with a session never."""
    peer = tcps.peer()
    silent = []
    for i in range(20 if tcps.name == "board" else 140):
        silent.append(tcps.link())
        peer.call("echo", i)  # so that it was accepted: the system's own queue is short
    silent[0].wait_closed(3)
    assert peer.call("echo", 1) == 1
    other = tcps.peer()
    assert other.call("echo", 1) == 1
    assert peer.call("echo", 1) == 1
    silent[-1].write(b"\x00")  # the newest is still there
    assert silent[-1].receive(0.05) is None


def test_a_silent_connection_is_closed_in_the_end(tcp):
    """14.1: after 60 s."""
    if SOAK:
        tcp.link().wait_closed(70)


def test_an_unconfirmed_answer_is_forgotten_after_10_s(tcp):
    """4.21."""
    if SOAK:
        link, peer = tcp.link(), tcp.unattached()
        answer = say_hello(link, peer)
        deadline = time.monotonic() + 11
        while time.monotonic() < deadline:
            link.receive(1)
        link.send(Data(answer.tag, answer.tag % wire.NUMBERS, 0, clock=1).encode())
        assert link.receive(2)[0] == wire.GONE


def test_answers_of_the_link_do_not_pile_up(tcps):
    """14.1: packets of no attach, and hellos of another version, from one who does not read."""
    watcher, link = tcps.peer(), tcps.link()
    wrong = wire.pieces(Peer().hello(version=3).encode(), 1, 128)
    for i in range(3000):
        link.send(b"\x80" + i.to_bytes(4, "little") + bytes(4))
        if i % 10 == 0:
            link.send(wrong[0])
    assert watcher.call("echo", 1) == 1
    peer = tcps.unattached()
    assert say_hello(link, peer) is not None


def test_a_peer_that_never_acknowledges_is_told_busy_and_then_goodbye(way):
    """14.1, 4.28: 64 answers wait, 128 end its session; the others are served meanwhile."""
    watcher = None if way.name == "usb" else way.peer()
    peer = way.peer()
    peer.settle()
    peer.acknowledges = False
    answers, hear = [], peer.on_message
    peer.on_message = lambda m: (answers.append(m), hear(m))
    sent = 0
    with pytest.raises(Over, match="BYE"):
        while sent < 300:
            for _ in range(8):
                peer.begin("echo", sent)
            sent += 8
            peer.run(lambda: not peer.sending[0].messages)
            if watcher and sent % 48 == 0:
                assert watcher.call("echo", sent) == sent
    assert 64 <= sent <= 200
    kinds = {m.what for m in answers}
    assert kinds <= {wire.REPLY, wire.ERROR}
    if watcher:
        assert watcher.call("echo", 1) == 1
    link = next(iter(way.links)) if way.name == "usb" else way.link()
    assert way.peer(link).call("echo", 2) == 2


def test_large_answers_that_nobody_acknowledges_are_busy_before(way):
    """14.1: twice the limit in bytes."""
    peer = way.peer()
    peer.settle()
    peer.acknowledges = False
    kinds, hear = [], peer.on_message
    peer.on_message = lambda m: (kinds.append(m.what), hear(m))
    with pytest.raises((Over, TimeoutError)):
        for _ in range(80):
            peer.begin("sized", 10_000)
        peer.run(lambda: False, 0.4)
    peer.acknowledges = True
    if peer.attach is not None:
        peer.attach = None
    link = way.links[0] if way.name == "usb" else way.link()
    assert way.peer(link).call("echo", 1) == 1


def test_who_does_not_read_does_not_hold_others_up(tcps):
    """1.3, 14.1."""
    deaf, watcher = tcps.peer(), tcps.peer()
    for _ in range(60):
        deaf.begin("sized", 15_000)
    for _ in range(40):
        deaf.fill_window()
        begun = time.monotonic()
        assert watcher.call("echo", 1) == 1
        assert time.monotonic() - begun < 1.5
    for _ in range(3):
        watcher.call("echo", "x" * 3000)


def test_plain_text_that_nobody_reads_closes_the_connection(tcps):
    """8.8, 14.1."""
    watcher = tcps.peer()
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    small.connect((tcps.request.getfixturevalue(tcps.name).address, 5263))
    link = TcpLink(small)
    begun = time.monotonic()
    with pytest.raises(Lost):
        lines = 0
        while time.monotonic() - begun < 15:
            lines += 1
            link.write(b"sized 3000\n", 2)
            if lines % 100 == 0:  # the program remembers its calls: not too many
                watcher.call("echo", 1)
    link.close()
    assert watcher.call("echo", 1) == 1


def test_a_line_without_an_end_costs_nothing_more(tcps):
    """8.2, 14.1: it is not run; and the node goes on, whether it keeps the connection or not."""
    watcher, link = tcps.peer(), tcps.link()
    watcher.call("forget")
    try:
        for _ in range(100):
            link.write(b"echo echo echo " * 100)
        link.write(b"\n")
        link.write(b"echo short\n")
        link.read_text(b"short")
    except Lost:
        pass
    assert watcher.call("what_happened")["begun"] in ([], ["echo"])


def test_lines_that_come_while_another_is_answered_wait_eight_at_most(tcps):
    """8.4.1, 14.1: the newer ones are not run, which is said."""
    watcher, link = tcps.peer(), tcps.link()
    watcher.call("forget")
    link.write(b"wait first 0.3\n" + b"".join(b"wait %d 0\n" % i for i in range(12)))
    told = [link.read_text(b"\n").strip() for _ in range(13)]
    assert [t for t in told if not t.startswith(b"!")] == [b"first", *(b"%d" % i for i in range(8))]
    assert [t[:6] for t in told if t.startswith(b"!")] == [b"! Busy"] * 4
    assert watcher.call("what_happened")["begun"] == ["first", *range(8)]


def test_names_of_delivered_readings_are_64_at_most(own_computer):
    """14.1, 6.15."""
    link = TcpLink.dial(own_computer.address)
    peer = Peer()
    peer.dial(link)
    for first in range(0, 64, 16):
        items = [[f"name_{i}", i, ""] for i in range(first, first + 16)]
        assert peer.call("sys.deliver", 100 + first, 0, items)
    assert peer.error("sys.deliver", 999, 0, [["one_more", 1, ""]]).kind == "Busy"
    assert peer.call("sys.deliver", 1000, 0, [["name_5", 1, ""]])
    peer.goodbye()
    link.close()


def test_of_records_the_last_128_are_remembered(own_computer):
    """6.15, 14.1: what was answered is answered again, and not taken twice."""
    link = TcpLink.dial(own_computer.address)
    peer = Peer(name="giver")
    peer.dial(link)
    peer.call("sys.deliver", 0, 0, [["name_5", "first", ""]])
    topic = peer.subscribe("giver/name_5", 64, 1000)
    peer.run(lambda: topic.begun or topic.answers)
    for id_ in range(1, 128):
        peer.call("sys.deliver", id_, 0, [])
    peer.call("sys.deliver", 0, 0, [["name_5", "again", ""]])
    peer.call("sys.deliver", 500, 0, [])
    peer.call("sys.deliver", 501, 0, [["name_5", "new", ""]])
    peer.run(lambda: topic.items)
    assert "again" not in [item[0] for item in topic.items]
    peer.goodbye()
    link.close()
