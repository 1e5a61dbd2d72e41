"""This peer listens, and picolink dials it: hellos and links, from the other side."""

import contextlib
import threading
import time

import pytest

import picolink
from peer import wire
from peer.calls import Peer
from peer.links import Lost
from peer.listening import Listening, calling, connecting, outcome, with_board
from peer.session import Over, receive_hello
from peer.wire import Data, Hello

CPYTHON_ONLY = "the second implementation runs on CPython alone"


def test_the_hello_that_dials(listening):
    """4.11, 4.12.1, 4.16, 4.17: FRESH, echo 0, in pieces of at most 128 bytes, until answered."""
    future = listening.pool.submit(connecting(1.5), listening.listener.address)
    link = listening.link()
    begun, hellos, at, put_together = time.monotonic(), [], [], wire.Pieces()
    with contextlib.suppress(Lost):
        while not future.done() and time.monotonic() - begun < 3:
            packet = link.receive(0.2)
            if packet is not None:
                assert packet[0] == wire.HELLO and len(packet) <= 128
                body = put_together.add(packet)
                if body:
                    hellos.append(Hello.decode(body))
                    at.append(time.monotonic() - begun)
    assert isinstance(future.result(5), picolink.CannotConnect)
    assert len(hellos) >= 3
    first = hellos[0]
    assert first.fresh and first.echo == 0 and 0 < first.tag < wire.CLOCKS
    assert first.uid[:4] == b"host" and len(first.uid) == 12
    assert {(h.session, h.tag) for h in hellos} == {(first.session, first.tag)}
    assert 0.2 < at[1] - at[0] < 0.8 and 0.45 < at[2] - at[1] < 1.2


def test_it_asks_at_once_and_sends_no_message_before_it_met_us(listening):
    """4.20, 4.23, 4.3."""
    link, asked, future = listening.asked(calling("x", timeout_s=2))
    peer = Peer()
    mine = peer.hello(echo=asked.tag, session=asked.session)
    peer.send_hello(link, mine, 128)
    first = Data.decode(link.receive(2))
    assert first.tag == mine.tag and first.number == mine.tag % wire.NUMBERS
    assert first.clock is not None and first.top == (asked.tag - 1) % wire.NUMBERS
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        packet = link.receive(0.1)
        assert packet is None or Data.decode(packet).message is None
    peer.commands["x"] = lambda peer, asked: "met"
    peer.id = asked.session
    peer.attach_to(link, mine, asked)
    peer.take(first.encode())
    assert listening.finish(peer, future) == "met"


def test_answers_with_another_echo_are_ignored(listening):
    """4.20, 4.15."""
    link, asked, future = listening.asked(with_board(lambda b: b.name))
    peer = Peer(name="right")
    wrong = peer.hello(echo=asked.tag ^ 1, session=asked.session, name="wrong")
    peer.send_hello(link, wrong, 128)
    peer.send_hello(link, wrong.with_(tag=0, flags=wire.REFUSED), 128)
    deadline = time.monotonic() + 0.15
    while time.monotonic() < deadline:
        assert (packet := link.receive(0.05)) is None or packet[0] == wire.HELLO
    peer.answer(link, asked, time.monotonic() + 3)
    assert listening.finish(peer, future) == "right"


def test_a_refusal_is_told_with_its_reason(listening):
    """4.19."""
    link, asked, future = listening.asked(connecting())
    peer = Peer()
    refusal = peer.hello(echo=asked.tag, session=asked.session, tag=0, name="no room for you")
    refusal.flags |= wire.REFUSED
    peer.send_hello(link, refusal, 128)
    error = future.result(5)
    assert isinstance(error, picolink.Refused)
    assert "no room for you" in str(error)


def test_another_version_ends_the_dialing_with_both_versions_named(listening):
    """4.14."""
    link, asked, future = listening.asked(connecting())
    peer = Peer()
    refusal = peer.hello(version=7, session=bytes(8), echo=1, tag=0, flags=wire.REFUSED)
    assert asked.version == 1
    peer.send_hello(link, refusal, 128)
    error = future.result(5)
    assert isinstance(error, picolink.Refused)
    assert "7" in str(error) and "1" in str(error)


def test_a_link_that_is_lost_is_dialed_again_and_the_call_goes_on(listening):
    """4.16, 4.22: not FRESH, with the ids that were delivered; nothing is done twice."""
    peer, future = listening.dialed_by(
        with_board(lambda b: [b.call("first"), b.call("slow", timeout_s=5)])
    )
    calls = []
    peer.commands["first"] = lambda peer, asked: 1

    def slow(peer, asked):
        calls.append(asked)
        return asked

    peer.commands["slow"] = slow
    peer.run(lambda: calls)
    tag = peer.attach.peer.tag
    peer.attach.link.close()
    listening.links.remove(peer.attach.link)
    again = peer.listen(listening.link())
    assert not again.fresh and again.session == peer.id and again.tag != tag
    assert again.short.first == peer.peer.short.first
    calls[0].reply("done once")
    assert listening.finish(peer, future) == [1, "done once"]
    assert len(calls) == 1


def test_a_session_is_moved_to_another_link(listening):
    """4.22: `move` dials the same session elsewhere; the call under way is answered there."""
    second = Listening()
    moved = threading.Event()

    def work(board):
        result = []
        caller = threading.Thread(target=lambda: result.append(board.call("slow", timeout_s=5)))
        caller.start()
        moved.wait(5)
        board.move(second.listener.address)
        caller.join(5)
        return [*result, board.call("then")]

    peer, future = listening.dialed_by(with_board(work))
    calls = []
    peer.commands["slow"] = lambda peer, asked: calls.append(asked) or asked
    peer.commands["then"] = lambda peer, asked: "there"
    peer.run(lambda: calls)
    peer.settle()
    moved.set()
    again = peer.listen(second.link())
    assert not again.fresh and again.session == peer.id
    calls[0].reply("once")
    assert listening.finish(peer, future) == ["once", "there"]
    assert len(calls) == 1
    second.end()


def test_gone_makes_it_dial_again_on_the_same_link(listening):
    """4.27: with a new tag; the session and its call go on."""
    peer, future = listening.dialed_by(with_board(lambda b: b.call("slow", timeout_s=5)))
    calls = []
    peer.commands["slow"] = lambda peer, asked: calls.append(asked) or asked
    peer.run(lambda: calls)
    link, tag = peer.attach.link, peer.attach.peer.tag
    link.send(bytes([wire.GONE]) + b"none")
    link.send(bytes([wire.GONE]) + peer.attach.own.tag.to_bytes(4, "little"))
    again = peer.listen(link)
    assert again.tag != tag and again.session == peer.id
    calls[0].reply("once")
    assert listening.finish(peer, future) == "once"
    assert len(calls) == 1


def test_a_peer_without_memory_makes_what_was_sent_unknown(listening):
    """4.24, 6.9: FRESH by a node that it met; nothing is called again by itself."""

    def work(board):
        return outcome(lambda: board.call("slow", timeout_s=5))

    peer, future = listening.dialed_by(with_board(work))
    calls = []
    peer.commands["slow"] = lambda peer, asked: calls.append(asked) or asked
    peer.run(lambda: calls)
    uid = peer.uid
    peer.attach.link.close()
    listening.links.remove(peer.attach.link)
    restarted = Peer(name="stranger", uid=uid)
    restarted.commands["slow"] = lambda peer, asked: calls.append(asked) or "twice"
    link = listening.link()
    asked = receive_hello(link, time.monotonic() + 5)
    assert not asked.fresh
    restarted.send_hello(link, restarted.hello(echo=asked.tag, session=asked.session), 128)
    error = future.result(8)
    assert isinstance(error, picolink.Unknown)
    assert len(calls) == 1


def test_a_call_that_never_left_is_not_done(listening):
    """6.9: only a call of which nothing was ever sent is not done."""
    lost = threading.Event()

    def work(board):
        board.call("first")
        lost.wait(5)
        deadline = time.monotonic() + 3
        while board.connected and time.monotonic() < deadline:
            pass
        return outcome(lambda: board.call("x", timeout_s=0.4))

    peer, future = listening.dialed_by(with_board(work))
    answered = []
    peer.commands["first"] = lambda peer, asked: answered.append(1)
    peer.run(lambda: answered)
    peer.settle()
    listening.listener.close()  # nobody listens any more
    listening.links.remove(peer.attach.link)
    peer.attach.link.close()
    lost.set()
    assert isinstance(future.result(8), picolink.NotDone)


def test_bye_ends_the_session_and_is_said_when_it_closes(listening):
    """4.28."""
    peer, future = listening.dialed_by(with_board(lambda b: b.call("echo")))
    peer.commands["echo"] = lambda peer, asked: "fine"
    with pytest.raises((Over, Lost)):
        peer.run(lambda: False, 5)
    assert peer.over == "BYE"
    assert future.result(5) == "fine"


def test_our_bye_makes_its_calls_unknown(listening):
    """4.28, 6.9."""
    peer, future = listening.dialed_by(calling("x", timeout_s=5))
    calls = []
    peer.commands["x"] = lambda peer, asked: calls.append(asked) or asked
    peer.run(lambda: calls)
    peer.goodbye()
    assert isinstance(future.result(8), picolink.Unknown)


def test_it_acknowledges_and_keeps_to_our_sizes(listening):
    """4.25, 4.8, 4.6: packets of 64 bytes, a window of 1000."""
    future = listening.pool.submit(
        with_board(lambda b: b.call("echo", "x" * 5000)), listening.listener.address
    )
    peer = Peer()
    peer.mtu, peer.window = 64, 1000
    peer.listen(listening.link())
    peer.commands["echo"] = lambda peer, asked: asked.args[0]
    assert listening.finish(peer, future) == "x" * 5000
    assert max(len(p) for p in peer.heard) <= 64
