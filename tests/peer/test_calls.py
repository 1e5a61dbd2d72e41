"""Calls, as section 6 has them: answered once, by the right kind, and stopped by a cancel."""

import struct

import pytest

from peer import values, wire
from peer.wire import CLOCKS

CPYTHON_ONLY = "the second implementation runs on CPython alone"
NOT_BEGUN = {"Cancelled", "Expired", "Busy", "UnknownCommand", "BadArguments", "TooBig"}


def begun(peer):
    return peer.call("what_happened")["begun"]


def setup_marks(peer):
    peer.call("forget")
    return peer


def test_a_call_is_answered_by_the_value_returned(peer):
    """6.1, 6.4."""
    assert peer.call("echo", 1) == 1
    several = ["ü", b"\0\xff", {"a": [None, 1.5]}]
    assert peer.call("echo", *several) == several
    assert peer.call(["echo", {"b": 2}], 1) == {"args": [1], "named": {"b": 2}}


def test_large_calls_and_answers_go_in_fragments(peer):
    """5.7, 5.8; a map of named arguments beside."""
    text = "".join(chr(33 + i % 90) for i in range(9000))
    assert peer.call("echo", text) == text
    assert peer.call("echo", bytes(range(256)) * 30) == bytes(range(256)) * 30


def test_unknown_commands_and_wrong_arguments_are_told(peer):
    """6.5.1, 6.15."""
    setup_marks(peer)
    assert peer.error("no_such_thing").kind == "UnknownCommand"
    assert peer.error("sys.no_such_thing").kind == "UnknownCommand"
    for args in ((), ("x",), (-1,), (100_001,), (1, 2), (None,)):
        assert peer.error("sized", *args).kind == "BadArguments", args
    assert peer.error(["sized", {"m": 1}]).kind == "BadArguments"
    assert peer.error(["sized", {"n": 1}], 1).kind == "BadArguments"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'"echo"',
        b"[1]",
        b"[null]",
        b"[[]]",
        b'[["echo"]]',
        b'[["echo",1]]',
        b'[["echo",{},1]]',
        b'[[1,{}]]',
        b'[{"echo":1}]',
        b'["echo"',
        b'["echo",NaN]',
        b'["echo","\xff"]',
        b'["echo","\\ud800"]',
    ],
)  # fmt: skip
def test_a_call_that_can_not_be_read_is_answered_as_bad_arguments(peer, body):
    """6.5.1, 7.6. Nothing of it is run."""
    setup_marks(peer)
    call = peer.begin_raw(bytes(4) + body)
    peer.wait(call)
    assert call.error.kind == "BadArguments", call.error
    assert begun(peer) == []


@pytest.mark.parametrize("body", [b"\0", b"\0\0\0"])
def test_a_call_without_room_for_its_deadline_is_answered_too(peer, body):
    """6.1, 6.5.1."""
    call = peer.begin_raw(body)
    peer.wait(call)
    assert call.error.kind == "BadArguments"


def test_ref_0_is_not_run_and_not_answered(peer):
    """6.3."""
    setup_marks(peer)
    call = peer.begin("wait", "zero", 0, ref=0)
    peer.settle()
    assert peer.call("echo", 1) == 1
    assert "zero" not in begun(peer)
    assert not call.answers


def test_the_ref_of_an_open_call_is_not_run_and_not_answered(peer):
    """6.3. The first goes on as if nothing had been."""
    setup_marks(peer)
    first = peer.begin("wait", "first", ref=7)
    peer.settle()
    peer.begin("wait", "second", 0, ref=7)
    peer.open[7] = first
    peer.settle()
    assert peer.call("echo", 1) == 1
    assert begun(peer) == ["first", "echo"]
    assert not first.answers
    peer.cancel(first)
    peer.wait(first)
    assert len(first.answers) == 1


def test_the_ref_of_a_subscription_that_goes_on_is_not_run(peer):
    """6.3."""
    setup_marks(peer)
    topic = peer.subscribe("topic")
    peer.run(lambda: topic.begun)
    peer.begin("wait", "second", 0, ref=topic.ref)
    peer.open[topic.ref] = topic
    peer.settle()
    peer.call("publish", "topic", 0, 1)
    assert begun(peer) == []
    peer.run(lambda: topic.items == [0])
    peer.cancel(topic)
    peer.wait(topic)
    assert topic.reply == 1


def test_a_ref_is_free_again_when_its_call_was_answered(peer):
    """6.3, 6.4: one answer for each call."""
    for i in range(5):
        call = peer.begin("echo", i, ref=9)
        peer.wait(call)
        assert (call.reply, len(call.answers)) == (i, 1)
    peer.settle()
    assert peer.unasked == []


def test_an_answer_larger_than_the_callers_limit_is_an_error(way):
    """6.4, 6.5.1, 5.11: it was begun, so it is not called `TooBig`."""
    peer = way.peer()
    peer.limit = 100
    peer.dial(way.link())
    assert peer.call("echo", "x" * 80) == "x" * 80
    assert peer.error("sized", 101).kind == "TooBigError"
    assert peer.error("sized", 5000).kind == "TooBigError"
    assert len(peer.call("sized", 98)) == 98


@pytest.mark.parametrize("limit", [10, 64, 100, 300])
def test_errors_are_cut_to_the_limit_of_the_caller(way, limit):
    """6.5: first the traceback, then the message; 4.12.2: a limit below 64 is 64."""
    peer = way.unattached()
    peer.limit = limit
    peer.dial(way.link())
    peer.limit = 1 << 20  # whatever comes is heard
    call = peer.begin("fail", "ValueError", "x" * 500)
    peer.wait(call)
    assert call.error.kind == "ValueError"
    assert call.error.traceback == ""
    assert len(call.answers[0].body) <= max(64, limit)
    assert call.error.message[:8] == "x" * 8
    peer.call("echo", 1)


def test_what_is_no_value_is_answered_by_an_error(peer):
    """6.4, 6.5.1: it was begun, so `Error` stands behind the kind."""
    for name in ("no_value", "infinite"):
        assert peer.error(name).kind == "BadArgumentsError"
    assert peer.call("echo", 1) == 1


RAISED = ("ValueError", "CancelledError", "SystemExit", "KeyboardInterrupt", "GeneratorExit")
RAISED += ("StopIteration", "StopAsyncIteration", "MemoryError", "Silent")


@pytest.mark.parametrize("command", ["fail", "fail_later"])
def test_whatever_a_command_raises_is_told_as_an_error_of_a_call_that_began(peer, command):
    """6.5.1: no kind of these says that the call was not begun, and the node goes on."""
    setup_marks(peer)
    for name in RAISED:
        failed = peer.error(command, name)
        if name.startswith("Stop") and command == "fail_later":
            assert failed.kind not in NOT_BEGUN  # Python itself makes a RuntimeError of them
        else:
            assert failed.kind == name
        if name == "ValueError":
            assert (failed.message, failed.items) == ("why", 0)
    assert begun(peer) == list(RAISED)


@pytest.mark.parametrize("command", ["fail", "fail_later"])
@pytest.mark.parametrize("name", sorted(NOT_BEGUN))
def test_exceptions_named_like_not_begun_are_told_with_error_behind(peer, command, name):
    """6.5.1."""
    assert peer.error(command, name).kind == name + "Error"


def test_a_deadline_that_passed_keeps_the_call_from_beginning(peer):
    """6.2."""
    setup_marks(peer)
    failed = peer.error("wait", "late", 0, deadline_ms=-100)
    assert failed.kind == "Expired"
    assert peer.call("wait", "in time", 0, deadline_ms=2000) == "in time"
    assert begun(peer) == ["in time"]


@pytest.mark.parametrize("clock", [CLOCKS - 600, CLOCKS - 1, 0, 300])
def test_deadlines_hold_over_the_wrap_of_the_callers_clock(way, clock):
    """1.2, 6.2, 4.31."""
    peer = setup_marks(way.peer(clock=clock))
    assert peer.error("wait", "late", 0, deadline_ms=-1000).kind == "Expired"
    assert peer.call("wait", "soon", 0, deadline_ms=1000) == "soon"
    assert peer.call("wait", "in days", 0, deadline_ms=2**28) == "in days"
    assert begun(peer) == ["soon", "in days"]


def test_the_difference_of_the_clocks_is_the_smallest_seen(tcp):
    """4.31: hellos and ASKs that come late don't make deadlines pass earlier or later."""
    peer = setup_marks(tcp.peer())
    honest = peer.clock
    peer.clock = lambda: (honest() - 5000) % CLOCKS  # as if under way for 5 s
    peer.ask()
    peer.settle()
    peer.clock = honest
    assert peer.call("wait", "in time", 0, deadline_ms=2500) == "in time"
    assert peer.error("wait", "late", 0, deadline_ms=-2500).kind == "Expired"


def test_16_calls_run_at_once_and_the_next_is_busy(peer):
    """6.5.1, 14.1."""
    setup_marks(peer)
    calls = [peer.begin("wait", i) for i in range(16)]
    peer.run(lambda: not peer.sending[0].messages)
    assert peer.error("wait", 16).kind == "Busy"
    for call in calls:
        peer.cancel(call)
    for call in calls:
        peer.wait(call)
    marks = peer.call("what_happened")
    assert sorted(marks["begun"]) == sorted(marks["cancelled"]) == list(range(16))
    assert peer.call("echo", 1) == 1


def test_what_began_and_was_cancelled_is_not_told_as_not_begun(peer):
    """6.7."""
    setup_marks(peer)
    call = peer.begin("wait", "x")
    peer.settle()
    peer.cancel(call)
    peer.wait(call)
    assert call.error.kind not in NOT_BEGUN
    assert peer.call("what_happened")["cancelled"] == ["x"]


def test_a_command_that_finishes_all_the_same_wins_over_the_cancel(peer):
    """6.7."""
    call = peer.begin("stubborn", "mine")
    peer.settle()
    peer.cancel(call)
    peer.wait(call)
    assert call.reply == "mine"
    assert len(call.answers) == 1


def hold_calls(peer):
    """Keeps the calls of the long lane back until the returned list is cleared."""
    held = [True]

    def outgoing(packet):
        message = wire.Data.decode(packet).message
        call = message is not None and message.kind == wire.CALL | wire.LONG
        return [] if call and held else [packet]

    peer.outgoing = outgoing
    return held


@pytest.mark.parametrize("with_id", [True, False], ids=["with id", "by ref"])
def test_20_calls_that_were_cancelled_before_they_came_don_t_begin(peer, with_id):
    """6.7.1."""
    setup_marks(peer)
    held = hold_calls(peer)
    calls = [peer.begin("wait", i, 0, lane=wire.LONG) for i in range(20)]
    for call in calls:
        if with_id:
            peer.cancel(call)
        else:
            peer.queue(wire.CANCEL, call.ref, b"\0")
    peer.run(lambda: not peer.sending[0].messages)
    assert not any(call.answers for call in calls)
    held.clear()
    for call in calls:
        peer.wait(call)
        assert call.error.kind == "Cancelled"
        assert len(call.answers) == 1
    assert begun(peer) == []
    again = [peer.begin("wait", i, 0, ref=call.ref) for i, call in enumerate(calls[:10])]
    for i, call in enumerate(again):  # each cancel was for one call
        peer.wait(call)
        assert call.reply == i


def test_cancels_that_cross_replies_stop_no_later_call(peer):
    """6.7, 6.7.1: the call's message was delivered, so nothing is remembered."""
    for i in range(40):
        call = peer.begin("echo", i, ref=11)
        peer.wait(call)
        peer.cancel(call)
    assert peer.call("echo", "last", ref=11) == "last"


def test_of_cancels_by_ref_the_latest_64_are_remembered(peer):
    """6.7.1, 14.1."""
    setup_marks(peer)
    for ref in range(2000, 2000 + 70):
        peer.queue(wire.CANCEL, ref, b"x")
    peer.settle()
    assert peer.call("wait", "forgotten", 0, ref=2005) == "forgotten"
    assert peer.error("wait", "remembered", 0, ref=2006).kind == "Cancelled"
    assert peer.error("wait", "remembered", 0, ref=2069).kind == "Cancelled"
    assert begun(peer) == ["forgotten"]


def test_a_command_that_blocks_says_so_first(peer):
    """6.8."""
    call = peer.begin("block", "x")
    peer.wait(call)
    assert call.begun["blocking_s"] == 2
    assert call.reply == "x"


def test_calls_with_bytes_in_them(peer):
    """7.2 in a call: RAW, the deadline before it."""
    raw, body = values.write(["echo", {"$": 1}, b"abc", {"$$": [b""]}])
    call = peer.begin_raw(struct.pack("<I", 0) + body, wire.RAW)
    assert raw
    peer.wait(call)
    assert call.reply == [{"$": 1}, b"abc", {"$$": [b""]}]


def test_answers_and_kinds_that_nobody_asked_for_are_ignored(peer):
    """5.2, 6.12, 1.3."""
    for what in (0, 1, 2, 3, 4, 5, 10, 11, 13, *(0x80 | low for low in range(16))):
        peer.queue(what, 3, b"whatever")
    for what in (wire.REPLY, wire.ERROR, wire.ITEMS, wire.BEGUN, wire.CREDIT):
        peer.queue(what, 4321, b"1")
    peer.settle()
    assert peer.call("echo", 1) == 1
