"""Data packets and messages: acknowledgements, loss, windows, fragments (sections 4 and 5)."""

import struct
import time

import pytest

from peer import values, wire
from peer.wire import NUMBERS, Data, Message

CPYTHON_ONLY = "the second implementation runs on CPython alone"


class Raw:
    """Packets by hand, on the attach of a peer that has met the node and has nothing under way."""

    def __init__(self, peer):
        peer.settle()
        self.peer, self.attach = peer, peer.attach
        self.link = self.attach.link

    def data(self, message=None, number=None, top=None, **fields):
        """A packet with the next number, or any other."""
        packet = self.attach.header(message=message, **fields)
        packet.number = packet.number if number is None else number % NUMBERS
        packet.top = packet.top if top is None else top % NUMBERS
        return packet

    def send(self, *packets):
        for packet in packets:
            self.link.send(packet.encode())

    def call(self, *value, ref=500, deadline=0, lane=0, id_=None):
        """A call as a message, with the next id of its lane."""
        out = self.peer.sending[lane]
        if id_ is None:
            id_, out.following = out.following, (out.following + 1) % NUMBERS
        body = struct.pack("<I", deadline) + values.write(list(value))[1]
        return Message(wire.CALL | lane, id_, ref, body)

    def hear(self, timeout_s=1.0, wanted=lambda data: True):
        """The next data packet that is wanted; None if none comes. Everything is acknowledged."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            packet = self.link.receive(left)
            if packet is not None and packet[0] & 0x80:
                data = Data.decode(packet)
                self.attach.accepts(data.number)
                if data.message is not None and data.message.part is None:
                    lane = self.peer.receiving[data.message.kind & wire.LONG]
                    if lane.wants(data.message.id):
                        lane.deliver(data.message.id)
                if wanted(data):
                    return data
        return None

    def answer(self, ref=500, timeout_s=2.0):
        """The whole answer to a call, by what came in single packets."""

        def answers(data):
            message = data.message
            return message and message.ref == ref and message.what in (wire.REPLY, wire.ERROR)

        found = self.hear(timeout_s, answers)
        return found and found.message.body

    def reset(self):
        """Goes on as a well-behaved peer, over a new attach."""
        self.peer.dial(self.link)


@pytest.fixture
def raw(peer):
    return Raw(peer)


def test_an_ask_is_acknowledged_at_once(raw):
    """4.6."""
    ask = raw.data(clock=1)
    begun = time.monotonic()
    raw.send(ask)
    said = raw.hear()
    assert said.top == ask.number and said.seen is None
    assert said.message is None and said.clock is None
    assert time.monotonic() - begun < 0.5


def test_a_message_is_acknowledged_soon(raw):
    """4.6: within 25 ms, allowing for a busy computer."""
    packet = raw.data(Message(1, raw.call("x").id, 1, b"ignored"))
    begun = time.monotonic()
    raw.send(packet)
    assert raw.hear().top == packet.number
    assert time.monotonic() - begun < 0.5


def test_packets_without_message_and_ask_are_not_acknowledged_by_their_own(raw):
    """4.6."""
    raw.send(*(raw.data() for _ in range(20)))
    assert raw.hear(0.15) is None
    ask = raw.data(clock=1)
    raw.send(ask)
    assert raw.hear().top == ask.number


def test_the_numbers_of_the_nodes_packets_count_by_one(raw):
    """4.3."""
    numbers = []
    for _ in range(6):
        raw.send(raw.data(clock=1))
        numbers.append(raw.hear().number)
    assert numbers == [(numbers[0] + i) % NUMBERS for i in range(6)]


def test_the_bitmap_says_what_is_missing(raw):
    """4.4: bit i is the number i + 1 below the highest."""
    lost = [raw.data() for _ in range(3)]
    ask = raw.data(clock=1)
    raw.send(ask)
    said = raw.hear()
    assert said.top == ask.number
    assert said.seen == wire.ALL_SEEN & ~0b111
    raw.send(lost[1])
    raw.send(raw.data(clock=1))
    said = raw.hear(wanted=lambda d: d.top != ask.number)
    assert said.seen == wire.ALL_SEEN & ~0b1010
    raw.send(lost[0], lost[2])
    raw.send(raw.data(clock=1))
    assert raw.hear(wanted=lambda d: d.top == (ask.number + 2) % NUMBERS).seen is None


def test_a_missing_number_is_told_at_once(raw):
    """4.6."""
    raw.data()
    packet = raw.data(Message(1, raw.call("x").id, 1, b"ignored"))
    raw.send(packet)
    said = raw.hear()
    assert said.top == packet.number and not said.seen & 1


def test_a_hole_that_falls_behind_the_bitmap_is_no_hole_any_more(raw):
    """4.4: without SACK the 30 below were received."""
    raw.data()
    raw.send(*(raw.data() for _ in range(30)))
    ask = raw.data(clock=1)
    raw.send(ask)
    assert raw.hear(wanted=lambda d: d.top == ask.number).seen is None


def test_numbers_received_before_or_too_old_or_half_around_are_ignored(raw):
    """4.5: with all that the packet says."""
    raw.peer.call("forget")
    raw.peer.settle()
    old = raw.data(number=raw.attach.number - 40)
    raw.attach.number -= 1  # which gave that packet no number of its own
    top = raw.data(clock=1)
    raw.send(top)
    raw.hear()
    messages = [raw.call("wait", mark, 0, ref=510 + i) for i, mark in enumerate("abc")]
    raw.peer.sending[0].following = messages[0].id  # not used up: they will be dropped
    raw.send(
        Data(old.tag, old.number, top.top, message=messages[0]),
        Data(top.tag, top.number, top.top, message=messages[1]),
        Data(top.tag, (top.number + 0x8000) % NUMBERS, top.top, message=messages[2]),
    )
    assert raw.hear(0.1, lambda d: d.message is not None) is None
    ask = raw.data(clock=1)
    raw.send(ask)
    said = raw.hear(wanted=lambda d: d.message is None)
    assert said.top == ask.number and said.seen is None
    assert raw.peer.call("what_happened")["begun"] == []


def test_jumps_ahead_are_followed(raw):
    """1.2, 4.4, 4.5: the highest number may be up to 2^15 - 1 ahead."""
    far = raw.data(clock=1)
    far.number = (far.number + 0x7000) % NUMBERS
    raw.send(far)
    said = raw.hear()
    assert said.top == far.number and said.seen == 0
    raw.reset()
    assert raw.peer.call("echo", 1) == 1


@pytest.mark.parametrize("ahead", [0, 1, 1000, 0x7FFF, 0x8000])
def test_an_acknowledgement_of_what_was_not_sent_is_ignored_alone(raw, ahead):
    """4.7: what else the packet carries is taken."""
    next_ = raw.attach.top + 1
    raw.send(raw.data(raw.call("echo", "x"), top=next_ + ahead))
    assert raw.answer() == b'"x"'


@pytest.mark.parametrize("first", [0x88, 0x90, 0xA0, 0xC0, 0xFF])
def test_packets_with_other_flags_are_dropped(raw, first):
    """4.1, 9.1."""
    raw.send(raw.data(clock=1))
    raw.hear()
    packet = bytearray(raw.data(clock=1).encode())
    packet[0] |= first
    raw.link.send(bytes(packet))
    assert raw.link.receive(0.1) is None
    raw.attach.number -= 1  # its number was not used, for the node
    assert raw.peer.call("echo", 1) == 1


def test_packets_that_are_cut_off_are_dropped(raw):
    """1.3, 4.2, 5.1: whatever the node does with their numbers, it goes on."""
    call, ask = raw.call("wait", "cut", 0), raw.data(clock=1)
    for packet in (Data(ask.tag, ask.number, ask.top, 5, message=call).encode(), ask.encode()):
        for size in (1, 2, 4, 5, 8, 10, 12, 14, 17):
            if size < len(packet):
                raw.link.send(packet[:size])
    raw.link.send(b"\x00")
    raw.link.send(b"\x7f" * 40)
    assert raw.hear(0.1, lambda d: d.message is not None) is None
    raw.reset()
    assert raw.peer.call("echo", 1) == 1


def test_nothing_with_a_message_of_kind_0x80_happens(raw):
    """5.2: a kind with 0x80 is none of the table, whatever its low bits are; it is delivered."""
    raw.peer.call("forget")
    raw.peer.settle()
    message = raw.call("wait", "0x80", 0)
    raw.send(raw.data(Message(0x80 | wire.CALL, message.id, 500, message.body)))
    raw.send(raw.data(raw.call("echo", 1, ref=501)))
    assert raw.answer(501) == b"1"
    assert raw.peer.call("what_happened")["begun"] == ["echo"]


def test_each_id_is_delivered_once(raw):
    """5.5: under new packet numbers, also later."""
    raw.peer.call("forget")
    raw.peer.settle()
    call = raw.call("wait", "once", 0)
    raw.send(*(raw.data(call) for _ in range(3)))
    assert raw.answer() == b'"once"'
    again = raw.data(call)
    raw.send(again)
    assert raw.hear(wanted=lambda d: d.message is None).top == again.number
    assert raw.peer.call("what_happened")["begun"] == ["once"]


def test_messages_are_delivered_as_they_are_complete(raw):
    """5.6: a later id does not wait for an earlier one; 5.5: up to 29 ahead."""
    first = raw.peer.sending[0].following
    raw.send(raw.data(raw.call("echo", "last", id_=(first + 29) % NUMBERS, ref=529)))
    assert raw.answer(529) == b'"last"'
    raw.send(raw.data(raw.call("echo", "beyond", id_=(first + 30) % NUMBERS, ref=530)))
    assert raw.answer(530, 0.1) is None
    for i in range(29):
        raw.send(raw.data(raw.call("echo", i, id_=(first + i) % NUMBERS, ref=500 + i)))
        assert raw.answer(500 + i) == str(i).encode()
    raw.send(raw.data(raw.call("echo", "then", id_=(first + 30) % NUMBERS, ref=530)))
    assert raw.answer(530) == b'"then"'
    raw.peer.sending[0].following = (first + 31) % NUMBERS
    assert raw.peer.call("echo", 1) == 1


def fragments(message, cuts):
    """Fragments of a message, for pairs of offset and size."""
    body, head = message.body, (message.kind, message.id, message.ref)
    return [Message(*head, body[at : at + n], (at, len(body))) for at, n in cuts]


def test_fragments_in_any_order_size_and_overlap(raw):
    """5.7, in either lane."""
    for lane in (0, wire.LONG):
        call = raw.call("echo", "abcdefghijklmnopqrstuvwxyz", lane=lane)
        size = len(call.body)
        cuts = [(size - 1, 1), (20, 15), (0, 3), (2, 12), (10, 12), (30, 9), (34, size - 35)]
        raw.send(*(raw.data(part) for part in fragments(call, cuts)))
        assert raw.answer() == b'"abcdefghijklmnopqrstuvwxyz"'


def test_a_message_byte_by_byte_backwards(raw):
    """5.7, 5.9: one range at a time."""
    call = raw.call("echo", "backwards", lane=wire.LONG)
    raw.send(*map(raw.data, fragments(call, [(i, 1) for i in reversed(range(len(call.body)))])))
    assert raw.answer() == b'"backwards"'


def test_fragments_that_reach_beyond_or_disagree_are_dropped_and_acknowledged(raw):
    """5.10."""
    call = raw.call("echo", "whole", lane=wire.LONG)
    size = len(call.body)
    body, head = call.body, (call.kind, call.id, call.ref)
    raw.send(raw.data(Message(*head, body[:6], (0, size))))
    wrong = [
        Message(*head, b"!" * 8, (size - 7, size)),
        Message(*head, b"!" * 8, (size + 100, size)),
        Message(*head, b"!" * 8, (2**32 - 4, size)),
        Message(*head, b"!" * 8, (6, size + 50)),
        Message(*head, b"!" * 8, (0, 9)),
    ]
    packets = [raw.data(m) for m in wrong]
    raw.send(*packets)
    raw.send(ask := raw.data(clock=1))
    said = raw.hear(wanted=lambda d: d.top == ask.number)
    assert all(said.acknowledges(p.number) for p in packets)
    raw.send(raw.data(Message(*head, body[6:], (6, size))))
    assert raw.answer() == b'"whole"'


def test_a_message_too_large_is_told_once_without_its_body(raw):
    """5.10: a call is answered by TooBig, and counts as delivered: its id is not waited for."""
    limit = raw.peer.peer.limit
    call = raw.call("echo", "x", lane=wire.LONG)
    part = Message(call.kind, call.id, 500, b"12345678", (100, limit + 1))
    raw.send(raw.data(part))
    assert raw.answer().startswith(b'["TooBig"')
    raw.send(raw.data(part), raw.data(Message(call.kind, call.id, 500, b"1", (0, limit + 1))))
    assert raw.answer(timeout_s=0.1) is None
    assert raw.peer.call("echo", "y" * 3000) == "y" * 3000


def test_a_message_of_the_whole_limit_is_taken(raw):
    """4.11, 5.10, 5.11."""
    limit = raw.peer.peer.limit
    assert raw.peer.call("sys.bench", "x" * (limit - 4 - len('["sys.bench",""]'))) == limit - 20
    assert raw.peer.error("sys.bench", "x" * (limit - 19)).kind == "TooBig"


def test_a_message_that_was_taken_back_is_nothing(raw):
    """5.12: kind 0 with the same id, and ids go on behind it."""
    raw.peer.call("forget")
    raw.peer.settle()
    call = raw.call("wait", "taken back", 0)
    raw.send(raw.data(Message(wire.NOTHING, call.id, call.ref, b"\0")))
    assert raw.answer(timeout_s=0.1) is None
    assert raw.peer.call("echo", 1) == 1
    assert raw.peer.call("what_happened")["begun"] == ["echo"]


def test_a_fragmented_message_may_become_nothing_on_the_way(raw):
    """5.12: the rest is sent as kind 0 with the same body."""
    raw.peer.call("forget")
    raw.peer.settle()
    call = raw.call("wait", "given up", 0, lane=wire.LONG)
    first, rest = fragments(call, [(0, 10), (10, len(call.body) - 10)])
    rest.kind = wire.NOTHING | wire.LONG
    raw.send(raw.data(first), raw.data(rest))
    assert raw.answer(timeout_s=0.1) is None
    assert raw.peer.call("echo", "x" * 1000) == "x" * 1000
    assert raw.peer.call("what_happened")["begun"] == ["echo"]


def test_what_a_node_has_no_memory_for_it_does_not_acknowledge(raw):
    """5.9, 14.1: twice the limit; the rest comes again when there is room, and is taken then."""
    limit = raw.peer.peer.limit
    first = raw.peer.sending[wire.LONG].following
    packets = []
    for i in range(3):
        id_ = (first + i) % NUMBERS
        packets.append(raw.data(Message(wire.CALL | wire.LONG, id_, 600 + i, b"x", (0, limit))))
    raw.send(*packets)
    raw.send(ask := raw.data(clock=1))
    said = raw.hear(wanted=lambda d: d.top == ask.number)
    assert [said.acknowledges(p.number) for p in packets] == [True, True, False]
    assert raw.peer.call("echo", "short messages pass") == "short messages pass"


def test_more_than_90_ranges_are_without_memory(raw):
    """5.9, 14.1: what is not acknowledged comes again, and then the message is whole."""
    call = raw.call("echo", "x" * 600, lane=wire.LONG)
    cuts = [(at, 2) for at in range(0, 600, 3)]
    refused = 0
    for part in fragments(call, cuts):
        raw.send(packet := raw.data(part))
        raw.send(ask := raw.data(clock=1))
        said = raw.hear(wanted=lambda d: d.top == ask.number)
        refused += not said.acknowledges(packet.number)
        if refused:
            break
    assert said is not None
    for at in range(0, len(call.body), 100):
        raw.send(raw.data(fragments(call, [(at, min(100, len(call.body) - at))])[0]))
        raw.hear(0.01)
    assert raw.hear(1, lambda d: d.message is not None and d.message.ref == 500)
