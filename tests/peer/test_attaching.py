"""Attaches: answers, refusals, resuming and moving, towards a node that listens (4.18 to 4.33)."""

import time

import pytest

from peer import wire
from peer.greeting import answer_to, confirmed, nothing_comes, say
from peer.links import Lost
from peer.session import Over
from peer.wire import Data

CPYTHON_ONLY = "the second implementation runs on CPython alone"


def test_the_same_hello_again_is_answered_with_the_same_tag(way):
    """4.18."""
    link, peer = way.link(), way.unattached()
    mine = peer.hello()
    first = answer_to(link, mine)
    second = answer_to(link, mine, number=2)
    assert first.tag == second.tag
    third = answer_to(link, mine.with_(tag=mine.tag % 1000 + 1), number=3)
    assert third.tag != first.tag


def test_an_answer_that_another_hello_replaced_is_forgotten(way):
    """4.21: what confirms the first is of no attach then (4.26)."""
    link, peer, other = way.link(), way.unattached(), way.unattached()
    answer = answer_to(link, peer.hello())
    hello = other.hello()
    second = answer_to(link, hello, number=2)
    link.send(Data(answer.tag, answer.tag % wire.NUMBERS, 0, clock=1).encode())
    assert link.receive(2) == bytes([wire.GONE]) + answer.tag.to_bytes(4, "little")
    assert confirmed(other, link, hello, second).tag == hello.tag


def test_the_nodes_own_unique_id_is_refused(way):
    """4.19."""
    link, peer = way.link(), way.unattached()
    answer = answer_to(link, peer.hello())
    other = way.unattached(uid=answer.uid)
    other_hello = other.hello()
    refusal = answer_to(way.link() if way.name != "usb" else link, other_hello, number=5)
    assert refusal.refused and refusal.tag == 0 and refusal.name
    assert refusal.echo == other_hello.tag
    assert refusal.session == other_hello.session


def test_a_session_that_was_met_with_another_unique_id_is_refused(way):
    """4.19."""
    peer, thief = way.peer(), way.unattached()
    thief.id = peer.id
    link = peer.attach.link if way.name == "usb" else way.link()
    assert answer_to(link, thief.hello(), number=77).refused
    assert peer.call("echo", 1) == 1


def test_tags_of_no_attach_are_answered_gone(way):
    """4.26."""
    link = way.link()
    for first in (0x80, 0x82, 0x84, 0x81):
        link.send(bytes([first]) + b"abcd" + bytes(16))
        assert link.receive(2) == b"\x47abcd"


def test_gone_is_never_answered_and_a_foreign_one_ignored(peer):
    """4.27, 1.3; quiet and silent of no attach too."""
    link = peer.attach.link
    for packet in (
        b"\x47",
        b"\x47abcd",
        b"\x47abc",
        b"\x45abcd",
        b"\x46abcd\xff\x00",
        b"\x45",
        b"\x46",
    ):
        link.send(packet)
    link.send(bytes([wire.GONE]) + peer.attach.peer.tag.to_bytes(4, "little"))  # the other's
    assert nothing_comes(link)
    assert peer.call("echo", 1) == 1


def test_the_own_tag_come_back_is_an_echo_and_not_answered(peer):
    """4.26."""
    link = peer.attach.link
    link.send(Data(peer.attach.own.tag, 1, 2).encode())
    assert nothing_comes(link)
    assert peer.call("echo", 1) == 1


def test_the_nodes_own_hello_is_ignored(way):
    """4.33, where the node did not dial: its answer come back has an echo that it never asked."""
    link, peer = way.link(), way.unattached()
    mine = peer.hello()
    answer = answer_to(link, mine)
    say(link, answer, number=55)
    assert nothing_comes(link)
    assert confirmed(peer, link, mine, answer).tag == mine.tag


def test_a_new_attach_of_the_session_resumes_it(way):
    """4.17, 4.22, 5.5: ids and bitmaps go on, a call that was under way is answered there."""
    peer = way.peer()
    peer.call("forget")
    call = peer.begin("wait", "over two attaches", 0.2)
    peer.settle()
    before = peer.attach
    if way.name != "usb":
        before.link.close()
    answer = peer.dial(before.link if way.name == "usb" else way.link())
    assert not answer.fresh
    assert answer.short.lowest == peer.sending[0].following
    assert answer.tag != before.peer.tag
    peer.wait(call)
    assert call.reply == "over two attaches"
    assert peer.call("what_happened")["begun"] == ["over two attaches"]


def test_a_session_moves_while_its_old_link_is_there(tcp):
    """4.22: on this port and on no other; the old tags are of no attach then (4.26)."""
    peer = tcp.peer()
    old = peer.attach
    peer.dial(tcp.link())
    assert peer.call("echo", 1) == 1
    old.link.send(Data(old.peer.tag, old.number, old.top, clock=0).encode())
    deadline = time.monotonic() + 2
    packets = []
    while time.monotonic() < deadline and len(packets) < 1:
        try:
            packet = old.link.receive(1)
        except Lost:
            break  # it may as well close the link that nothing is attached to
        if packet is not None:
            packets.append(packet)
    assert packets in ([], [bytes([wire.GONE]) + old.peer.tag.to_bytes(4, "little")])
    assert peer.call("echo", 2) == 2


def test_answers_that_never_arrived_come_over_the_next_attach_once(way):
    """4.22, 5.5: sent again, and not what the hello names as delivered."""
    peer = way.peer()
    peer.call("forget")
    lost = []
    peer.incoming = lambda packet: lost.append(packet) or []
    calls = [peer.begin("wait", i, 0) for i in range(5)]
    peer.acknowledges = False
    peer.run(lambda: len([p for p in lost if len(p) > 14]) >= 5)
    peer.incoming = lambda packet: [packet]
    peer.acknowledges = True
    link = peer.attach.link
    if way.name != "usb":
        link.close()
    peer.dial(link if way.name == "usb" else way.link())
    for i, call in enumerate(calls):
        peer.wait(call)
        assert call.reply == i and len(call.answers) == 1
    assert sorted(peer.call("what_happened")["begun"]) == [0, 1, 2, 3, 4]


def test_messages_named_as_delivered_in_a_hello_are_not_sent_again(tcp):
    """4.22: our hello says that the answers came, though no acknowledgement did."""
    peer = tcp.peer()
    peer.acknowledges = False
    assert [peer.call("echo", i) for i in range(3)] == [0, 1, 2]
    peer.acknowledges = True
    before = len(peer.heard)
    peer.dial(tcp.link())
    assert peer.call("echo", 9) == 9
    said = [Data.decode(p) for p in peer.heard[before:] if p[0] & 0x80]
    assert [d.message.kind for d in said if d.message] == [wire.REPLY]


def test_of_a_fresh_hello_ids_and_bitmaps_mean_nothing(way):
    """4.17, 4.22: only where it began counts."""
    peer = way.unattached()
    honest = peer.hello
    garbage = wire.Lane(12345, 0x2AAAAAAA, peer.sending[0].first)
    peer.hello = lambda **fields: honest(**{"short": garbage, "long": garbage, **fields})
    link = way.link()
    peer.dial(link)
    assert peer.call("echo", 1) == 1
    assert peer.call("echo", "x" * 2000) == "x" * 2000


def test_a_node_that_was_met_and_forgot_us_is_a_new_session(way):
    """4.24 from the other side: who claims to have met it gets FRESH."""
    link, peer = way.link(), way.unattached()
    answer = answer_to(link, peer.hello(flags=0))
    assert answer.fresh


def test_a_peer_that_the_node_has_met_may_still_be_fresh(way):
    """4.17, 4.22: what the node sent back was lost. The session goes on from where it began."""
    link, peer = way.link(), way.unattached()
    mine = peer.hello()
    confirmed(peer, link, mine, answer_to(link, mine))
    assert not peer.met
    answer = peer.dial(link if way.name == "usb" else way.link())
    assert not answer.fresh
    assert peer.call("echo", 1) == 1


def test_a_new_session_of_the_same_peer_ends_its_dormant_one(tcps):
    """4.19.1: its commands are stopped."""
    old = tcps.peer()
    old.call("forget")
    old.begin("wait", "of the old one")
    old.settle()
    old.attach.link.close()
    old.attach = None
    again = tcps.peer(uid=old.uid)
    again.run(lambda: again.call("what_happened")["cancelled"] == ["of the old one"])


def test_a_session_that_loses_its_port_to_a_new_one_is_resumed(usb):
    """4.19.1, 4.22: the new session of the same peer does not end that one."""
    old = usb.peer()
    call = old.begin("wait", "goes on", 0.1)
    old.settle()
    link = old.attach.link
    other = usb.peer(link, uid=old.uid)
    assert other.call("echo", 1) == 1
    assert not old.dial(link).fresh
    old.wait(call)
    assert call.reply == "goes on"


def test_bye_ends_the_session_at_once(way):
    """4.28: its tags are of no attach, its commands are stopped, and nothing answers the BYE."""
    peer = way.peer()
    peer.call("forget")
    peer.begin("wait", "until the end")
    peer.settle()
    attach = peer.attach
    peer.goodbye()
    assert nothing_comes(attach.link)
    attach.link.send(Data(attach.peer.tag, attach.number, attach.top).encode())
    assert attach.link.receive(2) == bytes([wire.GONE]) + attach.peer.tag.to_bytes(4, "little")
    watcher = way.peer(attach.link)
    assert watcher.call("what_happened")["cancelled"] == ["until the end"]


def test_a_hello_is_sent_again_until_it_is_answered(usb):
    """4.16 from this side: the first three are lost."""
    peer, link = usb.unattached(), usb.link()
    send, lost = link.send, [3]

    def lossy(packet):
        lost[0] -= 1
        if lost[0] < 0:
            send(packet)

    link.send = lossy
    peer.dial(link, timeout_s=4)
    assert peer.call("echo", 1) == 1


def test_a_refused_peer_hears_why(tcp):
    """4.19, and how this peer sees it."""
    peer = tcp.peer()
    with pytest.raises(Over, match="refused"):
        tcp.unattached(uid=peer.peer.uid).dial(tcp.link())
