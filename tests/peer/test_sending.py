"""What the node sends: loss, windows, sizes, lanes, signs of life (sections 4 and 5)."""

import os
import random
import struct
import time

import pytest

from peer import wire
from peer.faults import faulty
from peer.wire import NUMBERS, Data

CPYTHON_ONLY = "the second implementation runs on CPython alone"


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_or_done_twice_over_a_faulty_link(way, seed):
    """4.5 to 4.9, 5.5, 5.8: calls of all sizes, each answered once and run once."""
    peer = way.peer()
    peer.call("forget")
    faulty(peer, seed)
    chance = random.Random(seed)
    calls = []
    for i in range(12):
        text = "%d " % i * chance.choice([1, 10, 300])
        calls.append((text, peer.begin("echo", text)))
    waits = [peer.begin("wait", i, 0) for i in range(4)]
    for call in [*(call for _, call in calls), *waits]:
        peer.wait(call, timeout_s=20)
    peer.outgoing = peer.incoming = lambda packet: [packet]
    peer.settle(10)
    assert [call.reply for _, call in calls] == [text for text, _ in calls]
    assert [call.reply for call in waits] == [0, 1, 2, 3]
    marks = peer.call("what_happened")["begun"]
    assert len([m for m in marks if m == "echo"]) == 12
    assert sorted(m for m in marks if m != "echo") == [0, 1, 2, 3]


def test_what_the_node_sends_again_has_a_number_of_its_own(way):
    """4.3, 4.9, 5.5: nothing is acknowledged for a while."""
    peer = way.peer()
    peer.settle()
    peer.acknowledges = False
    call = peer.begin("echo", "again")
    before = len(peer.heard)

    def answers():
        said = [Data.decode(p) for p in peer.heard[before:] if p[0] & 0x80]
        return [d for d in said if d.message and d.message.ref == call.ref]

    peer.run(lambda: len(answers()) >= 2, timeout_s=5)
    first, second = answers()[:2]
    assert first.number != second.number
    assert first.message == second.message
    peer.acknowledges = True


@pytest.mark.parametrize("window", [0, 600, 1500])
def test_the_node_keeps_to_the_window_of_our_hello(way, window):
    """4.8: the last packet goes while fewer bytes than that are under way; one may always go."""
    peer = way.unattached()
    peer.window = window
    peer.dial(way.link())
    sizes = [len(p) for p in first_flight(peer, "sized", 8000)]
    assert sum(sizes[:-1]) < window or len(sizes) == 1


def first_flight(peer, *call):
    """What the node sends of an answer before anything of it is acknowledged."""
    peer.settle()
    peer.acknowledges = False
    before = len(peer.heard)
    peer.begin(*call)
    with pytest.raises(TimeoutError):
        peer.run(lambda: False, 0.1)  # less than any timeout of the node (4.10)
    peer.acknowledges = True
    return [p for p in peer.heard[before:] if len(p) > 30]


def test_no_more_than_30_packets_are_under_way(way):
    """4.8, 5.4: numbers within 30 of the oldest unacknowledged, ids within 30 as well."""
    peer = way.unattached()
    peer.window = 1 << 20
    peer.mtu = 64
    peer.dial(way.link())
    packets = first_flight(peer, "sized", 8000)
    assert 5 < len(packets) <= 30
    assert all(len(p) <= 64 for p in packets)


def test_what_is_lost_is_sent_again_in_smaller_pieces(tcps):
    """4.10, 5.8: half the fragment, but packets of 32 bytes at least; in the end all has come."""
    peer = tcps.unattached()
    peer.window = 2000
    peer.dial(tcps.link())
    peer.settle()
    peer.acknowledges = False
    before = len(peer.heard)
    call = peer.begin("sized", 3000)

    def sizes():
        return [len(p) for p in peer.heard[before:] if len(p) > 30]

    peer.run(lambda: sizes() and min(sizes()) < max(sizes()) * 0.7, 5)
    assert min(sizes()) >= 32
    peer.acknowledges = True
    peer.wait(call, 5)
    assert call.reply == "x" * 3000


def test_a_packet_that_three_later_ones_overtook_is_lost(way):
    """4.9: it is sent again before any timeout, by what the others acknowledge."""
    peer = way.unattached()
    peer.mtu = 100
    peer.dial(way.link())
    for i in range(5):
        peer.call("echo", i)  # so that the node knows the round trip
    peer.settle()
    dropped = []

    def drop_one(packet):
        if len(packet) > 50 and not dropped:
            dropped.append(packet)
            return []
        return [packet]

    peer.incoming = drop_one
    took_s = []
    for _ in range(3):  # the computer may be busy once
        dropped.clear()
        begun = time.monotonic()
        assert peer.call("sized", 2000) == "x" * 2000
        assert dropped
        took_s.append(time.monotonic() - begun)
    assert min(took_s) < 0.14  # the least timeout is 150 ms (4.10)


@pytest.mark.parametrize("mtu", [0, 32, 40, 100])
def test_packets_are_no_larger_than_our_hello_says(way, mtu):
    """4.25: but at least 32 bytes."""
    peer = way.unattached()
    peer.mtu = mtu
    peer.dial(way.link())
    assert peer.call("echo", "x" * 500) == "x" * 500
    assert max(len(p) for p in peer.heard) <= max(32, mtu)


def test_ids_of_the_nodes_messages_go_up_by_one_in_each_lane(way):
    """5.3: from the first id of its hello, whatever lane."""
    peer = way.peer()
    heard = {0: [], wire.LONG: []}
    hear = peer.on_message
    peer.on_message = lambda m: (heard[m.kind & wire.LONG].append(m.id), hear(m))
    for i in range(5):
        peer.call("sized", i)
        peer.call("sized", 3000 + i)
    firsts = {0: peer.peer.short.first, wire.LONG: peer.peer.long.first}
    for lane, ids in heard.items():
        assert ids == [(firsts[lane] + i) % NUMBERS for i in range(len(ids))]
    assert len(heard[0]) == len(heard[wire.LONG]) == 5


def test_ids_and_numbers_wrap(way):
    """1.2: beginning just below 2^16, in both lanes and in the packets."""
    peer = way.unattached()
    for lane in peer.sending.values():
        lane.first = lane.following = NUMBERS - 3
    honest = peer.hello
    peer.hello = lambda **fields: honest(**{"tag": 0x1234_FFF0, **fields})
    peer.dial(way.link())
    for i in range(40):
        assert peer.call("echo", i) == i
    assert peer.call("echo", "x" * 9000) == "x" * 9000
    for i in range(5):
        assert peer.call("echo", "%d" % i * 900) == "%d" % i * 900


def test_short_messages_overtake_long_ones(way):
    """5.4, 5.6: the answer to a short call does not wait for a long answer before it."""
    peer = way.unattached()
    peer.mtu = 64
    peer.dial(way.link())
    order = []
    hear = peer.on_message
    peer.on_message = lambda m: (order.append(m.ref), hear(m))
    long = peer.begin("sized", 12000)
    short = peer.begin("echo", 1)
    peer.wait(long)
    peer.wait(short)
    assert order == [short.ref, long.ref]


def test_quiet_is_answered_by_silent_and_kept(way):
    """4.34: our own tag for the node comes back; then no data packet until a quiet of 0 ms."""
    peer = way.peer()
    peer.settle()
    link, attach = peer.attach.link, peer.attach
    tag = attach.own.tag.to_bytes(4, "little")
    link.send(bytes([wire.QUIET]) + attach.peer.tag.to_bytes(4, "little") + struct.pack("<H", 2000))
    assert link.receive(2) == bytes([wire.SILENT]) + tag
    call = peer.begin("echo", "later")
    with pytest.raises(TimeoutError):
        peer.run(lambda: call.done, 0.3)
    assert all(not p[0] & 0x80 for p in peer.heard[-1:]) or not call.done
    link.send(bytes([wire.QUIET]) + attach.peer.tag.to_bytes(4, "little") + bytes(2))
    peer.wait(call)
    assert call.reply == "later"


def test_a_quiet_ends_by_itself(tcp):
    """4.34."""
    peer = tcp.peer()
    peer.settle()
    link, attach = peer.attach.link, peer.attach
    link.send(bytes([wire.QUIET]) + attach.peer.tag.to_bytes(4, "little") + struct.pack("<H", 250))
    assert link.receive(2)[0] == wire.SILENT
    begun = time.monotonic()
    assert peer.call("echo", "later") == "later"
    assert time.monotonic() - begun > 0.15


def test_a_sign_of_life_is_asked_for_after_5_s_and_then_given_up(tcp):
    """4.29: ASK after 5 s of silence, again 5 s later, the end after 15 s."""
    peer = tcp.peer()
    peer.settle()
    link, begun, asks = peer.attach.link, time.monotonic(), []
    soak = bool(int(os.environ.get("PICOLINK_SOAK") or 0))
    while time.monotonic() - begun < (20 if soak else 5.9):
        packet = link.receive(0.5)
        if packet is not None and packet[0] & wire.ASK and packet[0] & 0x80:
            asks.append(time.monotonic() - begun)
    assert asks and 4.5 < asks[0] < 5.8
    if soak:
        assert [a for a in asks if 9.5 < a < 11]
        assert max(asks) < 16
        link.send(Data(peer.attach.peer.tag, peer.attach.number, peer.attach.top).encode())
        assert link.receive(2)[0] == wire.GONE
    else:
        assert peer.call("echo", 1) == 1
