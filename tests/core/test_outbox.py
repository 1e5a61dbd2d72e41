"""Messages on their way out and in: lanes, fragments, holes, windows."""

from struct import pack

from both import random_for

from picolink.core.inbox import Inbox
from picolink.core.outbox import Outbox
from picolink.core.packets import LONG, NOTHING, WINDOW
from picolink.core.partial import Partial, take


def test_window_of_ids():
    box = Outbox(0xFFF0)
    messages = [box.short.add(1, i, b"x") for i in range(40)]
    for i in range(WINDOW):
        message = box.pick()
        assert message is messages[i]
        box.short.take(message, 100)
    assert box.pick() is None  # the distance counts
    messages[3].delivered(0, 1)
    assert box.pick() is None  # of the oldest one, not how many there are
    messages[0].delivered(0, 1)
    assert box.pick() is messages[WINDOW]
    box.short.take(messages[WINDOW], 100)
    assert box.pick() is None


def test_lost_ones_go_first():
    box = Outbox(5)
    messages = [box.short.add(1, i, b"12345678") for i in range(3)]
    for message in messages:
        box.short.take(message, 100)
    messages[1].lost(0, 8)
    messages[0].lost(0, 8)
    late = box.short.add(1, 9, b"x")
    order = []
    while box.pick() is not None:
        message = box.pick()
        order.append(message)
        box.short.take(message, 100)
    assert order == [messages[0], messages[1], late]


def test_every_byte_goes_again_until_it_is_there():
    random = random_for("holes")
    for _ in range(20):
        box = Outbox(0)
        body = random.bytes(random.between(1, 3000))
        message = box.long.add(4, 0, body)
        got = Partial(len(body))
        flight = []
        while message in box.long.open or not message.begun():
            if box.long.ready() is message and (len(flight) < 30 and not random.chance(0.1)):
                start, end = box.long.take(message, random.between(1, 200))
                assert 0 <= start < end <= len(body)
                flight.append((start, end))
            elif flight:
                start, end = flight.pop(random.below(len(flight)))
                if random.chance(0.5):
                    message.lost(start, end)
                else:
                    assert got.add(start, body[start:end])
                    message.delivered(start, end)
        assert bytes(got.body) == body and got.have == [(0, len(body))]
        assert not box.long.open and not box.long.waiting and not box.long.bytes


def test_take_back():
    box = Outbox(0)
    first = box.short.add(1, 1, b"first")
    others = [box.short.add(1, ref, b"other") for ref in range(2, 6)]
    box.short.take(first, 100)
    assert not box.short.take_back(1, 1)  # sent
    assert not box.short.take_back(2, 2)  # another kind
    assert box.short.take_back(1, 3) and box.short.take_back(1, 4)
    # Nothing is left of them, and no id is left out: that would stop the peer's window.
    assert box.short.waiting == [others[0], others[3]]
    assert [message.id for message in box.short.waiting] == [1, 2]
    assert box.short.add(1, 6, b"new").id == 3
    box.short.take(others[0], 100)
    first.delivered(0, 5)
    others[0].delivered(0, 5)
    assert box.short.bytes == 8
    assert box.long.add(1, 7, bytes(1000)).kind & LONG
    assert box.long.take_back(1, 7) and not box.long.bytes and not box.long.waiting


def test_ids_wrap_where_a_message_is_taken_back():
    box = Outbox(0xFFFE)
    messages = [box.short.add(1, i, b"x") for i in range(5)]
    box.short.take(messages[0], 100)
    assert box.short.take_back(1, 1)
    assert [message.id for message in box.short.waiting] == [0xFFFF, 0, 1]
    assert box.short.next_id == 2


def test_what_waits_to_be_sent_again_keeps_its_id():
    box = Outbox(0)
    messages = [box.short.add(1, i, b"abcd") for i in range(3)]
    box.short.take(messages[0], 100)
    messages[0].lost(0, 4)
    assert box.short.take_back(1, 1)
    assert [message.id for message in box.short.waiting] == [0, 1]


def test_what_was_taken_back_and_lost_is_sent_again_as_nothing():
    box = Outbox(0)
    message = box.short.add(1, 1, b"press the button")
    box.short.take(message, 100)
    assert not box.short.take_back(1, 1)  # it may have arrived: a cancel has to follow
    message.lost(0, 16)
    assert box.pick() is message and message.kind == NOTHING
    assert box.short.take(message, 100) == (0, 16)
    message.delivered(0, 16)
    assert box.short.bytes == 0


def test_resume():
    box = Outbox(0xFFFE)
    messages = [box.short.add(1, i, b"x") for i in range(6)]
    for message in messages[:5]:
        box.short.take(message, 100)
    messages[4].lost(0, 1)
    # The peer lacks id 0 (of 0xFFFE, 0xFFFF, 0, 1, 2, 3), and has 2.
    box.short.resume(0, 0b100)
    assert box.short.open == [messages[2], messages[3]]
    assert box.short.waiting == [messages[5]]
    box.short.resume(0, 0xFFFFFFFF)
    assert box.short.open == []
    box.short.resume(0x9000, 0)
    assert box.short.waiting == [messages[5]]  # never sent: no hello can settle it


def test_inbox():
    box = Inbox()
    box.low = 0xFFFE
    assert not box.new(0xFFFD) and not box.new((0xFFFE + WINDOW) & 0xFFFF)
    for ident in (0, 0xFFFF, 2):
        assert box.new(ident)
        box.deliver(ident)
        assert not box.new(ident)
    assert (box.low, box.bits) == (0xFFFE, 0b10110)
    box.deliver(0xFFFE)
    assert (box.low, box.bits) == (1, 0b10)


def test_the_id_after_the_last_one_is_0():
    box = Inbox()
    box.low = 0xFFFF
    box.deliver(0xFFFF)
    assert (box.low, box.bits) == (0, 0)  # as a hello tells it


def test_a_peer_that_claims_to_have_what_was_not_all_sent_is_believed():
    box = Outbox(7)
    message = box.long.add(4, 0, bytes(300))
    box.long.take(message, 100)
    box.long.resume(8, 0)
    assert not box.long.open and not box.long.waiting and not box.long.bytes
    assert box.pick() is None


def test_fragments_in_any_order_and_size():
    random = random_for("fragments")
    body = random.bytes(500)
    for _ in range(20):
        partial = Partial(500)
        while partial.have != [(0, 500)]:
            start = random.below(500)
            partial.add(start, body[start : start + random.between(1, 90)])
            for i in range(1, len(partial.have)):
                assert partial.have[i - 1][1] < partial.have[i][0]
        assert bytes(partial.body) == body


class Session:
    """What `take` asks of a session."""

    def __init__(self):
        self.limit_bytes = 1000
        self.short = Inbox()
        self.long = Inbox()
        self.owner = self
        self.messages = []

    def on_message(self, session, kind, ref, body):
        self.messages.append((kind, ref, body))


def fragment(start, total, piece, ref=1):
    return pack("<BHHII", 0x61, 0, ref, start, total) + piece


def test_memory_for_fragments_is_bounded():
    session = Session()
    for ident in range(WINDOW):
        got = take(session, session.long, ident, fragment(0, 1000, b"x"), 5)
        assert got == (b"" if ident < 2 else None)
    assert len(session.long.partial) == 2
    refused = [
        take(session, session.long, 0, fragment(at, 1000, b"x"), 5) for at in range(2, 999, 2)
    ]
    assert None in refused and len(session.long.partial[0].have) < 100
    assert take(session, session.long, 0, fragment(0, 1000, bytes(1000)), 5) == bytes(1000)
    assert take(session, session.long, 7, fragment(0, 1000, b"x"), 5) == b""  # room again


def test_memory_for_fragments_is_bounded_over_both_lanes():
    session = Session()
    held = 0
    for ident in range(4):
        for lane in (session.short, session.long):
            held += take(session, lane, ident, fragment(0, 1000, b"x"), 5) == b""
    assert held == len(session.short.partial) + len(session.long.partial) == 2


def test_senseless_fragments_change_nothing():
    session = Session()
    for packet in (
        fragment(0, 10, b""), fragment(5, 9, b"12345"), fragment(0xFFFFFFFF, 10, b"x"),
        fragment(0, 0, b"x"), fragment(0, 10, b"")[:-1],
    ):  # fmt: skip
        assert take(session, session.long, 0, packet, 5) == b""
    assert not session.long.partial and not session.messages


def test_a_message_larger_than_we_take_is_told_once():
    session = Session()
    for total in (1001, 0xFFFFFFFF):
        assert take(session, session.long, session.long.low, fragment(0, total, b"x", 9), 5) == b""
    assert session.messages == [(1, 9, b""), (1, 9, b"")]
    assert session.long.low == 2
