"""Streams and subscriptions: items, their numbers, credit and cancels (6.10 to 6.14)."""

import struct

import pytest

from peer import wire
from peer.faults import faulty
from peer.wire import CLOCKS

CPYTHON_ONLY = "the second implementation runs on CPython alone"


def test_a_stream_begins_gives_its_items_and_counts_their_messages(peer):
    """6.10, 6.11."""
    call = peer.begin("numbers", 10)
    peer.wait(call)
    assert "items" in call.begun
    assert call.items == list(range(10))
    assert call.numbers == list(range(10))
    assert call.reply == call.following > 0
    peer.wait(empty := peer.begin("numbers", 0))
    assert (empty.items, empty.reply) == ([], 0)


def test_raw_items_come_one_by_one(peer):
    """6.11: with RAW, one item alone."""
    call = peer.begin("blobs", 5, 700)
    peer.wait(call)
    assert call.items == [bytes([i]) * 700 for i in range(5)]
    assert call.reply == 5


def stalls(peer, call, at):
    """Whether the items stop there."""
    peer.run(lambda: len(call.items) >= at)
    for _ in range(3):
        peer.call("echo", 1)
    peer.settle()
    return len(call.items) == at


def test_16_items_come_before_a_credit_and_then_as_many_as_it_says(peer):
    """6.12: counted from the start; the largest holds."""
    call = peer.begin("numbers", 100)
    assert stalls(peer, call, 16)
    peer.credit(call, 20)
    assert stalls(peer, call, 20)
    for less in (20, 3, 0, CLOCKS - 1):
        peer.credit(call, less)
    assert stalls(peer, call, 20)
    peer.credit(call, 50)
    peer.credit(call, 40)
    assert stalls(peer, call, 50)
    peer.credit(call, 1000)
    peer.wait(call)
    assert call.items == list(range(100))


@pytest.mark.parametrize("n", [15, 16])
def test_a_stream_ends_without_more_credit_than_items(peer, n):
    """6.10, 6.12: credit counts items, and the reply is none."""
    call = peer.begin("numbers", n)
    peer.wait(call)
    assert call.items == list(range(n))


@pytest.mark.parametrize("body", [b"\0", b"\xff\0\0", b"\xff" * 5, b"\xff" * 100])
def test_a_credit_of_another_length_counts_for_nothing(peer, body):
    """6.12, 1.3."""
    call = peer.begin("numbers", 100)
    assert stalls(peer, call, 16)
    peer.queue(wire.CREDIT, call.ref, body)
    assert stalls(peer, call, 16)
    peer.cancel(call)
    peer.wait(call)


def test_a_credit_for_a_call_that_is_not_known_is_ignored(peer):
    """6.12: also one that overtakes its call: the stream stops at 16 all the same."""
    peer.queue(wire.CREDIT, 4000, struct.pack("<I", 100))
    peer.settle()
    call = peer.begin("numbers", 100, ref=4000)
    assert stalls(peer, call, 16)
    peer.cancel(call)
    peer.wait(call)


def test_a_cancelled_stream_is_answered_by_a_reply_that_counts(peer):
    """6.14; and the command is left (6.7)."""
    peer.call("forget")
    call = peer.begin("numbers", 1000)
    assert stalls(peer, call, 16)
    peer.cancel(call)
    peer.wait(call)
    assert call.error is None
    assert call.reply == call.following
    assert len(call.answers) == 1
    peer.run(lambda: peer.call("what_happened")["finished"] == ["numbers"])


def test_a_stream_cancelled_before_it_came_does_not_begin(peer):
    """6.7.1, 6.14."""
    peer.call("forget")
    held = [True]
    peer.outgoing = lambda p: [] if held and len(p) > 40 else [p]
    call = peer.begin("numbers", 1000, lane=wire.LONG)
    peer.cancel(call)
    peer.run(lambda: not peer.sending[0].messages)
    held.clear()
    peer.wait(call)
    assert call.error.kind == "Cancelled"
    assert peer.call("what_happened")["begun"] == []


@pytest.mark.parametrize("name", ["ValueError", "CancelledError", "SystemExit", "Busy", "Silent"])
def test_an_error_in_the_middle_counts_the_items_before_it(peer, name):
    """6.5, 6.5.1, 6.10."""
    call = peer.begin("breaks", 5, name)
    peer.wait(call)
    assert call.items == [{"n": i} for i in range(5)]
    assert call.error.items == call.following
    assert call.error.kind == {"Busy": "BusyError"}.get(name, name)


def test_an_item_too_large_for_us_is_an_error_of_the_stream(way):
    """6.4, 5.11, 6.11: a stream drops nothing."""
    peer = way.unattached()
    peer.limit = 200
    peer.dial(way.link())
    call = peer.begin("numbers", 5, 300)
    peer.wait(call)
    assert call.error is not None and call.error.kind not in ("Busy", "Expired", "Cancelled")
    assert call.items == []
    assert peer.call("echo", 1) == 1


def test_two_streams_and_calls_beside(peer):
    """6.6, 6.12: each has its own credit."""
    first, second = peer.begin("numbers", 60), peer.begin("numbers", 60)
    assert stalls(peer, first, 16) and stalls(peer, second, 16)
    peer.credit(second, 100)
    peer.wait(second)
    assert len(first.items) == 16
    peer.credit(first, 100)
    peer.wait(first)
    assert first.items == second.items == list(range(60))


def test_a_stream_goes_on_over_a_new_attach(way):
    """6.13 says it of subscriptions; a session is over all attaches (5.3)."""
    peer = way.peer()
    call = peer.begin("numbers", 100, 50)
    assert stalls(peer, call, 16)
    link = peer.attach.link
    peer.credit(call, 200)
    peer.dial(link if way.name == "usb" else way.link())
    peer.wait(call)
    assert [n for n, _ in call.items] == list(range(100))


# Subscriptions


def subscribed(peer, *args):
    call = peer.subscribe(*args)
    peer.run(lambda: call.begun is not None or call.answers)
    if call.error is not None:
        raise call.error
    return call


def ended(peer, call):
    peer.cancel(call)
    peer.wait(call)
    assert call.error is None
    assert call.reply == call.following
    return call


def test_a_topic_gives_what_is_published(peer):
    """6.13: its begun has `items`, and no `unit`."""
    call = subscribed(peer, "news")
    assert "items" in call.begun and "unit" not in call.begun
    peer.call("publish", "news", 0, 5)
    peer.call("publish", "other", 100, 5)
    peer.run(lambda: len(call.items) >= 5)
    assert ended(peer, call).items == [0, 1, 2, 3, 4]
    peer.call("publish", "news", 5, 5)
    peer.settle()
    assert len(call.items) == 5


def test_a_reading_gives_value_clock_and_unit(peer):
    """6.13."""
    call = subscribed(peer, "light")
    assert call.begun["unit"] == "%"
    peer.run(lambda: len(call.items) >= 3)
    for item in call.items:
        assert item[0] == 50 and item[2] == "%"
        assert 0 <= item[1] < CLOCKS
    mapped = [(item[1] + peer.behind) % CLOCKS for item in call.items]
    ages = [wire.distance(clock, peer.clock(), CLOCKS) for clock in mapped]
    assert all(-100 < age < 3000 for age in ages), ages
    assert ages == sorted(ages, reverse=True)
    ended(peer, call)


def test_a_reading_that_is_no_number_is_null_with_the_reason(peer):
    """6.13, 7.3."""
    call = subscribed(peer, "nothing")
    peer.run(lambda: call.items)
    value, _clock, _unit, why = call.items[0]
    assert value is None and why
    ended(peer, call)


@pytest.mark.parametrize("credit", [0, 1, 16, 40])
def test_items_come_up_to_the_credit_of_the_subscription(peer, credit):
    """6.13: the third argument; 0 gives none."""
    call = subscribed(peer, "counted", 64, credit)
    peer.call("publish", "counted", 0, 60)
    assert stalls(peer, call, credit)
    peer.credit(call, 60)
    peer.run(lambda: len(call.items) >= 60)
    assert ended(peer, call).items == list(range(60))


def test_a_full_queue_drops_the_oldest_and_the_numbers_tell(peer):
    """6.11, 14.1: 64 wait; what went is a gap in the numbers."""
    call = subscribed(peer, "much", 64, 0)
    for first in range(0, 100, 20):
        peer.call("publish", "much", first, 20)
    peer.credit(call, 1000)
    peer.run(lambda: 99 in call.items)
    ended(peer, call)
    assert call.items == list(range(36, 100))
    assert call.numbers == call.items


def test_latest_keeps_one(peer):
    """6.13: a queue of 1."""
    call = subscribed(peer, "latest", 1, 0)
    peer.call("publish", "latest", 0, 30)
    peer.credit(call, 10)
    peer.run(lambda: call.items)
    assert call.items == [29]
    assert call.numbers == [29]
    ended(peer, call)


def test_a_short_queue_is_kept_to(peer):
    """6.13."""
    call = subscribed(peer, "short", 5, 0)
    peer.call("publish", "short", 0, 12)
    peer.credit(call, 100)
    peer.run(lambda: 11 in call.items)
    assert ended(peer, call).items == [7, 8, 9, 10, 11]


def test_dropped_items_take_no_credit(peer):
    """6.11, 6.12: a credit says how many may have been *sent*."""
    call = subscribed(peer, "credit", 4, 4)
    peer.call("publish", "credit", 0, 4)
    peer.run(lambda: len(call.items) == 4)
    peer.call("publish", "credit", 4, 20)  # 16 of which are dropped
    peer.credit(call, 8)
    peer.run(lambda: len(call.items) == 8)
    assert call.items[4:] == [20, 21, 22, 23]
    ended(peer, call)


def test_items_larger_than_our_limit_are_dropped_and_seen_as_missed(way):
    """6.13."""
    peer = way.unattached()
    peer.limit = 300
    peer.dial(way.link())
    call = subscribed(peer, "sizes")
    peer.call("publish", "sizes", 0, 1, 10)
    peer.call("publish", "sizes", 1, 1, 400)
    peer.call("publish", "sizes", 2, 1, 10)
    peer.run(lambda: len(call.items) >= 2)
    assert [n for n, _ in call.items] == call.numbers == [0, 2]
    ended(peer, call)


def test_what_waits_in_a_subscription_is_bounded_in_bytes(peer):
    """14.1: 8192 bytes."""
    call = subscribed(peer, "large", 64, 0)
    for i in range(20):
        peer.call("publish", "large", i, 1, 1000)
    peer.credit(call, 100)
    peer.run(lambda: call.items and call.items[-1][0] == 19)
    ended(peer, call)
    assert 4 <= len(call.items) <= 8
    assert [n for n, _ in call.items] == call.numbers


def test_a_subscription_carries_on_over_a_new_attach(way):
    """6.13."""
    peer = way.peer()
    call = subscribed(peer, "over")
    peer.call("publish", "over", 0, 3)
    peer.settle()
    link = peer.attach.link
    peer.dial(link if way.name == "usb" else way.link())
    peer.call("publish", "over", 3, 3)
    peer.run(lambda: len(call.items) >= 6)
    assert ended(peer, call).items == [0, 1, 2, 3, 4, 5]


def test_32_streams_and_subscriptions_and_no_more(peer):
    """14.1."""
    calls = [subscribed(peer, f"topic {i}") for i in range(31)]
    calls.append(peer.begin("numbers", 1000))
    peer.run(lambda: calls[-1].begun)
    assert peer.error("sys.subscribe", "one more").kind == "Busy"
    assert peer.error("numbers", 1).kind == "Busy"
    assert peer.call("echo", 1) == 1
    peer.call("publish", "topic 7", 0, 2)
    peer.run(lambda: len(calls[7].items) == 2)
    for call in calls:
        ended(peer, call)
    ended(peer, subscribed(peer, "one more"))


def test_two_subscriptions_of_one_topic(peer):
    """6.13: each with its own numbers."""
    first = subscribed(peer, "twice")
    peer.call("publish", "twice", 0, 2)
    second = subscribed(peer, "twice")
    peer.call("publish", "twice", 2, 2)
    peer.run(lambda: len(first.items) >= 4 and len(second.items) >= 2)
    assert (first.items, second.items) == ([0, 1, 2, 3], [2, 3])
    assert second.numbers == [0, 1]
    ended(peer, first), ended(peer, second)


def test_a_faulty_link_loses_no_items(way):
    """6.11: items of a stream come in the order of their messages' numbers, none is dropped."""
    peer = way.peer()
    faulty(peer, 5, 0.1)
    call = peer.begin("numbers", 60, 40)
    peer.run(lambda: call.begun and len(call.items) >= 16, 20)
    peer.credit(call, 200)
    peer.wait(call, 20)
    assert [n for n, _ in call.items] == call.numbers == list(range(60))
