"""Hellos, their pieces, and how a listening node answers them (4.11 to 4.18)."""

import itertools

import pytest

from peer import wire
from peer.greeting import answer_to, confirmed, next_hello, nothing_comes, say
from peer.wire import Hello

CPYTHON_ONLY = "the second implementation runs on CPython alone"


def test_a_listener_says_nothing_before_a_hello(tcp):
    """4.16. (A board may print text on USB; that is no packet.)"""
    assert nothing_comes(tcp.link())


def test_the_answer_of_a_first_hello(way):
    """4.11, 4.17, 4.18, 4.3."""
    link, peer = way.link(), way.unattached()
    mine = peer.hello()
    answer = answer_to(link, mine)
    assert (answer.version, answer.flags) == (1, wire.FRESH)
    assert answer.session == mine.session
    assert 0 < answer.tag < wire.CLOCKS
    assert answer.name == "subject"
    assert answer.uid not in (b"", mine.uid)
    assert answer.limit >= 64 and answer.mtu >= 32 and answer.clock < wire.CLOCKS
    said = confirmed(peer, link, mine, answer)
    assert said.tag == mine.tag
    assert said.number == mine.tag % wire.NUMBERS
    assert said.top == answer.tag % wire.NUMBERS
    assert said.seen is None


@pytest.mark.parametrize("size", [5, 7, 20, 64, 128])
def test_hellos_in_pieces_of_any_size(way, size):
    """4.12, 4.12.1, 4.13."""
    link, peer = way.link(), way.unattached(name="p")
    if size == 5:
        peer.uid = b"x" * 8
    answer_to(link, peer.hello(), size=size)


def test_pieces_in_any_order_and_more_than_once(tcp):
    """4.13."""
    link, peer = tcp.link(), tcp.unattached()
    mine = peer.hello()
    pieces = wire.pieces(mine.encode(), 3, 20)
    for piece in (*pieces[::-1], *pieces[1:]):
        link.send(piece)
    assert next_hello(link).echo == mine.tag


def test_pieces_of_two_hellos_are_not_mixed(tcp):
    """4.13: one number and one count only."""
    link, peer = tcp.link(), tcp.unattached()
    mine = peer.hello()
    first, second = (wire.pieces(mine.encode(), n, 30) for n in (7, 8))
    link.send(first[0])
    for piece in second[1:]:
        link.send(piece)
    assert nothing_comes(link)
    other_count = wire.pieces(mine.encode(), 8, 50)
    link.send(other_count[0])
    assert nothing_comes(link)
    for piece in second:
        link.send(piece)
    assert next_hello(link).echo == mine.tag


@pytest.mark.parametrize("mtu", [0, 10, 32, 64, 100])
def test_answers_come_in_pieces_that_the_asker_takes(way, mtu):
    """4.12.1: no larger than the hello says, or than 32 bytes where it says less."""
    link, peer = way.link(), way.unattached()
    mine = peer.hello(mtu=mtu)
    say(link, mine)
    put_together, body = wire.Pieces(), None
    while body is None:
        packet = link.receive(2)
        assert packet is not None, "no answer"
        assert len(packet) <= max(32, mtu)
        body = put_together.add(packet)
    assert Hello.decode(body).echo == mine.tag


def test_each_hello_has_a_number_of_its_own(tcp):
    """4.12."""
    link, peer = tcp.link(), tcp.unattached()
    numbers = []
    for _ in range(4):
        say(link, peer.hello())
        numbers.append(link.receive(2)[1])
    assert all(a != b for a, b in itertools.pairwise(numbers))


@pytest.mark.parametrize("size", [300, 1024])
def test_hellos_of_up_to_1024_bytes(way, size):
    """4.13."""
    link, peer = way.link(), way.unattached()
    mine = peer.hello()
    more = size - len(mine.encode())
    mine = mine.with_(name=mine.name + "é" * (more // 2) + "x" * (more % 2))
    assert len(mine.encode()) == size
    answer_to(link, mine)


def test_what_stands_behind_the_name_is_ignored(way):
    """4.11."""
    link, peer = way.link(), way.unattached()
    mine = peer.hello()
    for piece in wire.pieces(mine.encode() + b"\0" + bytes(range(256)), 1, 128):
        link.send(piece)
    assert next_hello(link).echo == mine.tag


@pytest.mark.parametrize("uid", [b"x", b"y" * 255])
def test_unique_ids_of_any_length(way, uid):
    """4.11."""
    way.clear()
    link, peer = way.link(), way.unattached(uid=uid)
    assert answer_to(link, peer.hello()).tag


def test_hellos_that_are_none_are_dropped(way):
    """4.15, 1.3; and the next right one is answered all the same."""
    link, peer = way.link(), way.unattached()
    right = peer.hello()
    body = right.encode()
    wrong = [
        body[:30],
        body[:48],
        right.with_(uid=b"").encode(),
        body[:48] + bytes([255]) + body[49:],
        right.with_(tag=0).encode(),
        b"\1",
    ]
    for number, each in enumerate(wrong):
        for piece in wire.pieces(each, number, 128):
            link.send(piece)
        link.send(bytes([wire.HELLO]) + bytes(number))
        link.send(bytes([wire.HELLO, number, 5, 3, 1]))
        link.send(bytes([wire.HELLO, number, 0, 0, 1]))
    assert nothing_comes(link)
    answer_to(link, right, number=99)


def test_another_version_is_refused_in_ours(way):
    """4.14: session all 0, echo 1, tag 0."""
    link, peer = way.link(), way.unattached()
    say(link, peer.hello(version=9))
    refusal = next_hello(link)
    assert refusal.version == 1 and refusal.refused
    assert (refusal.session, refusal.echo, refusal.tag) == (bytes(8), 1, 0)
    assert refusal.name


def test_another_version_is_told_by_its_first_bytes_alone(way):
    """4.14: version, flags and the pieces are all that stays the same."""
    link = way.link()
    link.send(bytes([wire.HELLO, 1, 0, 1, 2, 0]))
    refusal = next_hello(link)
    assert refusal.refused and refusal.echo == 1


def test_a_refusal_of_another_version_is_not_answered(way):
    """4.14: two nodes don't refuse each other for ever."""
    link, peer = way.link(), way.unattached()
    say(link, peer.hello(version=9, flags=wire.REFUSED))
    assert nothing_comes(link)
