"""The mailbox keeps packets whole, once and in order, whatever its bus does; both interpreters."""

from both import cases, count, raises, random_for
from i2c_memory import MemoryBus

from picolink.core.failure import LinkError
from picolink.links.i2c.controller import Controller
from picolink.links.i2c.layout import (
    ACK,
    COMMIT,
    FIRST,
    FRAME,
    HEARD,
    LENGTH,
    MEMORY_BYTES,
    MTU_BYTES,
    NUMBER,
    WANTED,
    WORD,
)
from picolink.links.i2c.target import Target

FAULTS = {
    "none": {},
    "nack": {"nack": 0.1},
    "lost": {"lost": 0.1},
    "flip": {"flip": 0.1},
    "deaf": {"deaf": 0.3},
    "tear": {"tear": 0.5},
    "all": {"nack": 0.05, "lost": 0.03, "flip": 0.05, "deaf": 0.1, "tear": 0.2},
}


def pair(name, units=0, **faults):
    """A target, the bus, and a controller that has begun."""
    random = random_for(name)
    target = Target(bytearray(MEMORY_BYTES), random.below(127))
    bus = MemoryBus(target, random)
    controller = Controller(bus.read, bus.write, bus.clock, 65, *([units] if units else []))
    assert controller.begin()
    for fault in faults:
        setattr(bus, fault, faults[fault])
    return target, bus, controller


def packet_of(random, i):
    """The i-th packet: its number, and as much behind it as fits, now and then."""
    size = random.choice((9, 20, 60, 223, 224, 500, MTU_BYTES))
    return b"%6d" % i + bytes([i & 0xFF]) * (size - 6)


def turn(target, bus, controller):
    """One look of either side."""
    wait_ms = controller.poll(0)
    if target.pending():
        target.look(False)  # as the event loop does now and then
    if wait_ms:
        bus.now_ms += wait_ms
        bus.bits += 100 * wait_ms


class Way:
    """What goes one way: made, and compared, as it goes."""

    def __init__(self, name, n):
        self.n = n
        self.made = random_for(name)
        self.wanted = random_for(name)
        self.sent = 0
        self.arrived = 0  # packets, or the number behind the last that did
        self.lost = 0

    def next(self):
        self.sent += 1
        return packet_of(self.made, self.sent - 1)

    def take(self, packets):
        for packet in packets:
            while True:
                expected = packet_of(self.wanted, self.arrived)
                self.arrived += 1
                assert self.arrived <= self.sent  # else it is wrong, or came twice
                if packet == expected:
                    break
                self.lost += 1
        packets.clear()


def carry(name, n, to_target, to_controller, **faults):
    """Sends packets either way: what became of them, and the controller."""
    target, bus, controller = pair(name, **faults)
    there, back = Way(name, n * to_target), Way(name + " back", n * to_controller)
    moved_ms = 0
    while there.arrived < there.n or back.arrived < back.n:
        if there.sent < there.n and len(controller.waiting) < 2:
            controller.waiting.append(there.next())
        if back.sent < back.n and not target.waiting:
            target.send(back.next())
        if target.packets or controller.packets:
            moved_ms = bus.now_ms
        there.take(target.packets)
        back.take(controller.packets)
        turn(target, bus, controller)
        if bus.now_ms - moved_ms > 30_000:
            break
    return there, back, controller


@cases([(fault,) for fault in sorted(FAULTS)])
def test_every_packet_arrives_once_and_in_order(fault):
    n = count(2000)
    for ways in ((1, 0), (0, 1), (1, 1)):
        there, back, controller = carry(fault, n, *ways, **FAULTS[fault])
        assert (there.arrived, back.arrived) == (there.n, back.n)
        assert there.lost + back.lost == controller.dropped == 0
        if fault == "none":
            assert controller.damaged == controller.repeated == 0


def test_writes_that_go_astray_cost_packets_at_most():
    # A wrong pointer hits the status, the acknowledgement, or the frame that the board sends: what
    # arrives is right, in order, and once; what is lost the session sends again.
    n = count(2000)
    there, back, _ = carry("astray", n, 1, 1, astray=0.1, flip=0.02)
    for way in (there, back):
        assert way.arrived >= 0.98 * n
        assert way.lost <= 0.03 * n


def test_a_packet_that_never_comes_right_is_dropped():
    target, bus, controller = pair("hopeless")
    target.send(b"x" * 800)
    controller.waiting += [b"y" * 800, b"z" * 20]
    whole = bus._flipped
    bus._flipped = lambda data: data if len(data) < 5 else bytes([data[0] ^ 1]) + data[1:]
    while controller.dropped < 2:
        turn(target, bus, controller)
        assert bus.transfers < 2000
    bus._flipped = whole
    target.send(b"after it")
    for _ in range(400):
        turn(target, bus, controller)
    assert target.packets[-1:] == [b"z" * 20]
    assert controller.packets[-1:] == [b"after it"]


def test_frames_shrink_where_much_is_flipped_and_grow_again():
    target, bus, controller = pair("shrink")

    def bytes_per_bit(n):
        began = bus.bits
        for _ in range(n):
            turns = 0
            while not controller.packets:
                if not target._length and not target._out:
                    target.send(b"p" * MTU_BYTES)  # again, where it was given up
                turn(target, bus, controller)
                turns += 1
                assert turns < 2000
            assert controller.packets.pop() == b"p" * MTU_BYTES
        return n * MTU_BYTES * 9 / (bus.bits - began)

    clean = bytes_per_bit(10)
    bus._flipped = lambda data: bytes(
        [byte ^ bus.random.chance(0.005) for byte in data]
    )  # every 200th byte
    noisy = bytes_per_bit(20)
    del bus._flipped
    bytes_per_bit(20)
    assert clean > 0.9
    assert 0.2 < noisy < 0.7
    assert bytes_per_bit(10) > 0.9


def test_a_target_that_is_reset():
    target, bus, controller = pair("reset")
    controller.waiting += [b"a" * 500, b"b" * 30]
    for _ in range(3):
        controller.poll(0)
    mem = bytearray(MEMORY_BYTES)
    bus.target = anew = Target(mem, 5)
    anew.send(b"from the new one")
    for _ in range(400):
        turn(anew, bus, controller)
    assert b"b" * 30 in anew.packets  # the half that was lost costs its packet
    assert controller.packets == [b"from the new one"]


def test_a_controller_that_is_restarted():
    target, bus, controller = pair("restart")
    target.send(b"t" * MTU_BYTES)
    target.memory[WANTED] = 56
    target.send(b"u" * 20)
    controller.waiting.append(b"c" * 700)
    while not controller._at:
        turn(target, bus, controller)
    again = Controller(bus.read, bus.write, bus.clock, 65)
    assert again.begin()
    again.waiting.append(b"fresh")
    for _ in range(100):
        turn(target, bus, again)
    assert target.packets == [b"fresh"]
    assert again.packets[-1] == b"u" * 20


def test_what_is_not_a_mailbox():
    for filling in (b"\x00", b"\xff", b"\x5a"):
        controller = Controller(lambda r, n, filling=filling: filling * n, int, lambda: 0, 65)
        assert not controller.begin()


def test_nobody_answers():
    target, bus, controller = pair("silence")
    bus.nack = 1
    waits = []
    with raises(LinkError, "does not answer"):
        while True:
            waits.append(controller.poll(0))
            bus.bits += 100 * waits[-1]
            bus.now_ms += waits[-1]
    assert waits[:3] == [4, 8, 16] and max(waits) == 128
    assert 3000 <= bus.now_ms < 3400


def test_it_waits_through_a_short_silence():
    target, bus, controller = pair("flash write")
    controller.waiting.append(b"meanwhile")
    bus.nack = 1
    while bus.now_ms < 2500:
        turn(target, bus, controller)
    assert target.packets == []
    bus.nack = 0
    for _ in range(10):
        turn(target, bus, controller)
    assert target.packets == [b"meanwhile"]


def test_looks_are_seldom_where_nothing_happens():
    target, bus, controller = pair("idle")
    controller.waiting.append(b"x")
    while controller.waiting:
        turn(target, bus, controller)
    waits = [0]
    while waits[-1] < 65:
        before = bus.bits
        waits.append(controller.poll(0))
        assert bus.bits - before == 9 * 4 + 3  # it asks for one byte
        bus.now_ms += waits[-1] or 1
        bus.bits = 100 * bus.now_ms
    assert bus.now_ms < 700
    assert waits == sorted(waits)
    # So that the whole is less than a hundredth of the bus.
    assert (9 * 4 + 3) / (65 * 100) < 0.01


def test_a_ready_pin_saves_the_looks():
    target, bus, controller = pair("ready")
    level = [0]

    def drive(value):
        level[0] = value

    target.ready = drive
    controller.ready = lambda: level[0]
    transfers = bus.transfers
    assert controller.poll(100) == 1 << 28
    assert bus.transfers == transfers
    target.send(b"here")
    assert level == [1]
    controller.poll(100)
    assert controller.packets == [b"here"]
    assert level == [0]
    controller.waiting.append(b"there")
    controller.poll(100)
    assert target.packets == [b"there"]


def test_a_full_target_makes_the_controller_wait():
    target, bus, controller = pair("full")
    packets = [bytes([i]) * 10 for i in range(20)]
    controller.waiting += packets
    for _ in range(200):
        turn(target, bus, controller)
    assert target.packets == packets[:8]
    assert controller.repeated <= 20  # it looks, and writes again only now and then
    del target.packets[:2]
    for _ in range(200):
        turn(target, bus, controller)
    assert target.packets == packets[2:10]


def test_an_interrupt_in_the_midst_of_a_look():
    # The controller's next write comes while the target still works on the last one.
    target, bus, controller = pair("nested")
    controller.waiting += [b"one", b"two"]
    add = target._pieces.add

    def nested(number, word, piece):
        if piece == b"one":
            target.look(True)
            assert target.packets == []
        return add(number, word, piece)

    target._pieces.add = nested
    for _ in range(10):
        turn(target, bus, controller)
    assert target.packets == [b"one", b"two"]


def test_registers_below_the_mailbox_are_never_touched():
    target, bus, controller = pair("registers")
    target.memory[0:16] = b"0123456789abcdef"
    target.send(b"t" * MTU_BYTES)
    controller.waiting.append(b"c" * MTU_BYTES)
    for _ in range(100):
        turn(target, bus, controller)
    assert target.packets and controller.packets
    assert bytes(target.memory[0:16]) == b"0123456789abcdef"


def test_garbage_in_the_memory_harms_nothing():
    random = random_for("garbage")
    target, bus, controller = pair("garbage")
    for _ in range(count(4000)):
        at = random.choice((LENGTH, NUMBER, HEARD, ACK, WANTED, FIRST, WORD, WORD + 1, COMMIT))
        target.memory[at] = random.below(256)
        target.memory[random.below(len(target.memory))] = random.below(256)
        target.look(random.chance(0.5))
        if random.chance(0.3):
            controller.poll(0)
            bus.now_ms += 5
        if random.chance(0.1):
            target.send(b"s" * random.between(1, MTU_BYTES))
            target.waiting.clear()
    assert target.damaged
    controller.waiting.clear()
    controller._frame = b""
    controller._at = 0
    target.packets.clear()
    controller.waiting.append(b"still there")
    for _ in range(400):
        turn(target, bus, controller)
    assert target.packets[-1:] == [b"still there"]
    assert FRAME == 0xFF


def test_the_next_packet_is_wanted_with_the_last_frame_of_one():
    # Not earlier: short messages overtake what was not given yet.
    target, bus, controller = pair("room")
    wanted = []

    def room():
        wanted.append(controller._at)
        if len(wanted) == 1:
            controller.waiting.append(b"short")

    controller.on_room = room
    assert not controller.full()
    controller.waiting.append(b"l" * 700)  # four frames
    while not target.packets:
        controller.poll(0)
        if controller._frame and not wanted:
            assert controller.full()
    assert wanted == [3 * 223]
    while len(target.packets) < 2:
        controller.poll(0)
    assert target.packets == [b"l" * 700, b"short"]
    assert not controller.full()


def test_no_wrong_bit_turns_an_acknowledgement_into_a_question():
    target, bus, controller = pair("question")
    target.send(b"t" * 900)
    controller.poll(0)
    assert controller.packets == [b"t" * 900]
    for number in range(1, 128):
        for bit in range(8):
            assert number ^ 1 << bit != number ^ 0xFF


def test_what_is_asked_for_again_comes_in_a_smaller_piece():
    target, bus, controller = pair("smaller")
    target.send(b"t" * 900)
    assert target.memory[LENGTH] == 227
    number = target.memory[NUMBER]
    bus.write(ACK, bytes((number ^ 0xFF, 100)))
    assert (target.memory[LENGTH], target.memory[NUMBER]) == (100, number)
    bus.write(ACK, bytes((number ^ 0xFF, 200)))  # it does not grow again
    assert (target.memory[LENGTH], target.memory[NUMBER]) == (100, number)
    while not controller.packets:
        controller.poll(0)
    assert controller.packets == [b"t" * 900]
