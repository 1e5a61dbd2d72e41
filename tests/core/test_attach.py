"""Packet numbers, acknowledgements, round-trip times, loss."""

from struct import pack

from both import cases, random_for
from faults import Party, World

from picolink.core.attach import Attach
from picolink.core.packets import ALL, MIN_MTU_BYTES, OVERHEAD_BYTES, WINDOW, Hello
from picolink.core.port import Port
from picolink.core.session import Session
from picolink.core.timing import TIMES


class Peer:
    def __init__(self, tag=0x10000, mtu_bytes=512, window_bytes=4096):
        self.tag = tag
        self.mtu_bytes = mtu_bytes
        self.window_bytes = window_bytes


class Note:
    """Stands where a message does: notes what was delivered."""

    def __init__(self):
        self.ranges = []

    def delivered(self, start, end):
        self.ranges.append((start, end))


def attach(tag=0x10000, **peer):
    made = Attach(None, Port(512), tag, 1000)
    made.welcome(Peer(**peer))
    return made


def send(a, now_ms, size=100, note=None, start=0, end=1):
    a.sent((a.number, now_ms, size, note, start, end))
    a.number = (a.number + 1) & 0xFFFF


@cases([(1,), (0xFFF0,), (0x8000,)])
def test_numbers_that_arrive(first):
    random = random_for("numbers")
    a = attach(tag=first)
    arrived = set()
    for _ in range(500):
        number = (a.top + random.between(-40, 12)) & 0xFFFF
        behind = (a.top - number) & 0xFFFF
        expected = behind >= 0x8000 or (behind <= WINDOW and number not in arrived)
        if (number - first) & 0xFFFF >= 0x8000:
            expected = False  # before the first one
        assert a.fresh(number) == expected
        if expected:
            a.arrived(number)
            arrived.add(number)
            arrived = {n for n in arrived if (a.top - n) & 0xFFFF < 100}
        assert a.seen & ~ALL == 0
        for behind in range(1, WINDOW + 1):
            n = (a.top - behind) & 0xFFFF
            before = (n - first) & 0xFFFF >= 0x8000
            assert bool(a.seen >> (behind - 1) & 1) == (n in arrived or before)


def test_the_number_half_way_round_is_neither_old_nor_new():
    a = attach(tag=100)
    assert not a.fresh((a.top + 0x8000) & 0xFFFF)
    assert a.fresh((a.top + 0x7FFF) & 0xFFFF)
    a.arrived((a.top + 0x7FFF) & 0xFFFF)
    assert a.seen == 0


def test_acknowledgements_settle_what_they_name():
    a = attach(tag=5)
    notes = [Note() for _ in range(4)]
    for i in range(4):
        send(a, 1000 + i, note=notes[i], start=i, end=i + 1)
    top = (a.number - 1) & 0xFFFF
    lost = a.acknowledged(top, 0b010, 1040)  # the newest, and the third newest
    assert [n.ranges for n in notes] == [[], [(1, 2)], [], [(3, 4)]]
    assert [entry[3] for entry in lost] == [notes[0]]  # three later than it: lost
    a.gone(lost[0])
    assert [entry[3] for entry in a.flight] == [notes[2]]
    assert a.flight_bytes == 100
    assert a.srtt_ms == 37
    assert a.acknowledged(top, 0b010, 1050) == [] and a.srtt_ms == 37


def test_acknowledgements_of_what_was_never_sent_are_ignored():
    a = attach()
    send(a, 1000, note=Note())
    assert a.acknowledged((a.number + 5) & 0xFFFF, ALL, 1001) == []
    assert len(a.flight) == 1


def test_wild_bitmap():
    a = attach()
    for _ in range(3):
        send(a, 1000, note=Note())
    a.acknowledged((a.number - 3) & 0xFFFF, 0xFFFFFFFF, 1001)
    assert len(a.flight) == 2 and a.flight_bytes == 200


def test_timeout_doubles_and_fragments_halve():
    a = attach()
    full = a.room_bytes
    assert full == 512 - OVERHEAD_BYTES
    now = 1000
    rooms = []
    timeouts = []
    for _ in range(9):
        send(a, now, note=Note())
        assert a.timed_out(now + a.rto_ms - 1) == []
        now += a.rto_ms
        (lost,) = a.timed_out(now)
        a.gone(lost)
        rooms.append(a.room_bytes)
        timeouts.append(a.rto_ms)
        assert a.timed_out(now + 100_000) == []  # nothing under way: nothing is lost
    assert rooms[:3] == [full // 2, full // 4, full // 8]
    assert rooms[-1] == MIN_MTU_BYTES - OVERHEAD_BYTES
    assert timeouts[:2] == [2 * TIMES["rto_first"], 4 * TIMES["rto_first"]]
    assert timeouts[-1] == TIMES["rto_max"]
    room = a.room_bytes
    send(a, now, note=Note(), size=room - 1)  # a small one proves nothing
    a.acknowledged((a.number - 1) & 0xFFFF, ALL, now + 20)
    assert a.room_bytes == room
    assert TIMES["rto_min"] <= a.rto_ms < TIMES["rto_first"]
    grown = []
    while a.room_bytes < full and len(grown) < 20:
        send(a, now, note=Note(), size=a.room_bytes + OVERHEAD_BYTES)
        a.acknowledged((a.number - 1) & 0xFFFF, ALL, now + 20)
        grown.append(a.room_bytes)
    assert grown[:2] == [room * 3 // 2, room * 3 // 2 * 3 // 2]
    assert a.room_bytes == full and len(grown) < 12


def lose(a, pattern, size=100):
    """Sends a packet for each letter of `pattern`; "x" are lost. Returns how many counted as lost
    by the acknowledgement that tells of them all."""
    seen = ALL
    for letter in pattern:
        send(a, 1000, note=Note(), size=size)
        seen = seen << 1 & ALL | (letter != "x")
    lost = a.acknowledged((a.number - 1) & 0xFFFF, seen >> 1 | ALL ^ ALL >> 1, 1020)
    for entry in lost:
        a.gone(entry)
    return len(lost)


def test_many_lost_halve_the_fragments_once():
    a = attach()
    full = a.room_bytes
    assert lose(a, "oxxxxxooo") == 5 and a.room_bytes == full // 2
    assert lose(a, "oooooooooo") == 0 and a.room_bytes == full // 2


def test_few_lost_halve_nothing():
    a = attach()
    full = a.room_bytes
    for _ in range(200):
        assert lose(a, "oxoooooo", size=a.room_bytes) == 1  # of eight
        assert a.room_bytes == full


def test_what_is_lost_now_and_then_counts_together():
    a = attach()
    full = a.room_bytes
    for _ in range(20):
        assert lose(a, "xoxooo") == 2  # of six
    assert a.room_bytes < full // 4


def acknowledge(a, rtt_ms, count, now=1000):
    """Sends `count` packets, each acknowledged after `rtt_ms`; returns the time."""
    for _ in range(count):
        send(a, now, note=Note())
        now += rtt_ms
        a.acknowledged((a.number - 1) & 0xFFFF, ALL, now)
    return now


def test_timeout_follows_the_round_trip():
    for rtt_ms, low, high in (
        (0, 150, 150),
        (100, 150, 260),
        (1000, 2040, 2200),
        (60_000, 8000, 8000),
    ):
        a = attach()
        acknowledge(a, rtt_ms, 60)
        assert low <= a.rto_ms <= high


def test_a_round_trip_that_was_always_the_same_and_changes_is_followed():
    a = attach()
    now = 1000
    for rtt_ms, low, high in ((0, 150, 150), (1000, 2000, 2300), (0, 150, 150)):
        now = acknowledge(a, rtt_ms, 80, now)
        assert low <= a.rto_ms <= high


def test_a_timeout_is_forgotten_once_the_round_trip_is_as_it_was():
    a = attach()
    acknowledge(a, 0, 60)
    usual_ms = a.rto_ms
    send(a, 1000, note=Note())
    (lost,) = a.timed_out(1000 + a.rto_ms)
    a.gone(lost)
    assert a.rto_ms == 2 * usual_ms
    send(a, 2000, note=Note())
    a.acknowledged((a.number - 1) & 0xFFFF, ALL, 2000)
    assert a.rto_ms == usual_ms and a.losses == 0


def test_window():
    a = attach(window_bytes=1000)
    assert not a.full()
    for i in range(10):
        assert not a.full()
        send(a, 1000 + i)
    assert a.full()  # by bytes
    a = attach(window_bytes=0)
    assert not a.full()  # one at a time always goes
    send(a, 1000)
    assert a.full()
    a = attach(window_bytes=0xFFFFFFFF)
    for _ in range(WINDOW):
        assert not a.full()
        send(a, 1000, size=1)
    assert a.full()  # by distance of numbers


@cases([(0, 32), (31, 32), (65535, 512), (100, 100)])
def test_size_of_packets(theirs, ours):
    assert attach(mtu_bytes=theirs).room_bytes == ours - OVERHEAD_BYTES


def test_acknowledgements_wait_but_not_for_ever():
    a = attach()
    a.port.prompt_bytes = 1000
    a.owes(100, 2000)
    assert a.ack_at_ms == 2000 + TIMES["ack"]
    a.owes(100, 2010)
    assert a.ack_at_ms == 2000 + TIMES["ack"]  # from the first on
    for _ in range(6):
        a.owes(100, 2011)
    assert a.ack_at_ms == 2011  # many: at once
    b = attach()
    b.port.prompt_bytes = 1000
    b.arrived((b.top + 2) & 0xFFFF)
    b.owes(10, 2000)
    assert b.ack_at_ms == 2000  # a gap: at once


def hello_of(clock, tag):
    return Hello(
        pack("<BB8sIIIHIIHIHHIHB", 1, 1, b"sessionX", tag, 5, clock, 512, 4096, 4096,
             1, 0, 1, 1, 0, 1, 3) + b"uidname"
    )  # fmt: skip


def test_the_clock_of_an_earlier_run_of_the_peer_is_forgotten():
    """It answered, was restarted before any packet of it came, and answers again."""
    party = Party(World(random_for("earlier run")), "host")
    session = Session(b"sessionX", party, 1, 1000)
    session.attach_to(Attach(session, Port(512), 7, 5000), hello_of(50_000_000, 3), 5000)
    session.detach("lost", "cut", 5500)
    session.attach_to(Attach(session, Port(512), 8, 6000), hello_of(1000, 4), 6000)
    assert session.from_peer_clock(1500, 6000) == 6500


def test_the_oldest_number_that_the_bitmap_holds_is_not_taken_twice():
    a = attach(tag=1)
    first = a.top
    a.arrived((first + WINDOW) & 0xFFFF)
    assert a.seen == 1 << WINDOW - 1 and not a.fresh(first)


def test_after_a_timeout_the_next_one_is_given_its_time():
    a = attach()
    for note in (Note(), Note()):
        send(a, 1000, note=note)
    (entry,) = a.timed_out(1400)
    a.gone(entry)
    assert a.timeout_ms() == 1400 + 800
