"""Random and mutated bytes: no exception, no growth of memory, the next good packet is served."""

import gc
import sys
from struct import pack

from both import MICROPYTHON, count, random_for
from faults import Cable, Party, World

from picolink.core import lengths
from picolink.core.packets import CALL
from picolink.core.port import Port
from picolink.core.textstream import PROMPT, Decoder, encode

PACKETS = count(50_000 if MICROPYTHON else 1_000_000)


def in_use():
    """How much memory is in use: bytes on MicroPython, blocks on CPython."""
    gc.collect()
    if MICROPYTHON:
        gc.collect()
        return gc.mem_alloc()
    return sys.getallocatedblocks()


# A megabyte of leaked packets would be far more, a few cached objects are less.
MOST_GROWTH = 12_000 if MICROPYTHON else 400


class Target:
    """A board that a host talks to, and packets the host said to it, to be mutated."""

    def __init__(self, name):
        self.world = World(random_for(name))
        self.random = self.world.random
        self.host = Party(self.world, "host")
        self.board = Party(self.world, "board", limit_bytes=2000)
        self.cable = Cable(self.world, self.host, self.board, mtu_bytes=120)
        self.said = []
        self.dials = 0
        carry = self.cable._carry

        def record(to, packet):
            if to is self.cable.ends[1]:
                self.said.append(packet)
                del self.said[:-60]
            carry(to, packet)

        self.cable._carry = record

    def attach(self):
        """Has the host dial anew, and the two talk a little."""
        self.dials += 1
        self.cable.cut()
        for party in (self.host, self.board):
            party.endpoint.sessions.clear()
            party.diary.clear()
            party.messages.clear()
        self.world._events.clear()
        self.cable.loss = 0.1
        session = self.cable.dial()
        for i in range(5):
            session.send(CALL, i, bytes(20 if i % 4 else 300))
        assert self.world.run(lambda: len(self.board.messages) == 5, 120_000)
        self.cable.loss = 0
        self.host.endpoint.say_hello(session.attach, 0, 0, self.world.now_ms)
        self.world.run(limit_ms=10)

    def mutant(self):
        """A packet made of a good one, or of nothing but chance."""
        random = self.random
        kind = random.below(8)
        if kind == 0:
            return random.bytes(random.below(40))
        packet = random.choice(self.said)
        if kind == 1:
            packet = packet[: random.below(len(packet) + 1)]
        elif kind == 2:
            packet = packet + random.choice(self.said)
        packet = bytearray(packet)
        for _ in range(random.below(4)):
            if not packet:
                break
            at = random.below(len(packet))
            if random.chance(0.5):
                packet[at] = random.below(256)
            else:
                packet[at : at + 4] = random.choice(WILD)
        attach = self.cable.ends[1].port.attach
        if attach is not None and random.chance(0.7) and len(packet) >= 9:
            # Something that gets past tag and number, seldom with the flag that ends all.
            packet[0] = 0x80 | random.below(4) | (4 if random.chance(0.003) else 0)
            number = attach.top + random.between(-2, 3) & 0xFFFF
            packet[1:7] = pack("<IH", attach.tag, number)
            at = 13 if packet[0] & 1 else 9
            if len(packet) > at + 5 and random.chance(0.7):
                session = attach.session
                inbox = session.long if packet[at] & 0x20 else session.short
                packet[at + 1 : at + 3] = pack("<H", inbox.low + random.below(32) & 0xFFFF)
        return bytes(packet)


WILD = (b"\x00" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x01\x00\x00\x00", b"\x00\x08\x00\x00")


def test_endpoint():
    target = Target("fuzz")
    random = target.random
    board = target.board
    end = target.cable.ends[1]
    world = target.world
    delivered = partials = 0
    before = None
    rounds = 10
    for turn in range(rounds):
        for _ in range(max(1, PACKETS // rounds)):
            if end.port.attach is None:
                target.attach()
            board.endpoint.receive(end.port, target.mutant(), world.now_ms)
            while board.endpoint.next_packet(end.port, world.now_ms) is not None:
                pass
            if random.chance(0.02):
                world.now_ms += random.below(3000)
                board.endpoint.tick(end.port, world.now_ms)
                while board.endpoint.next_packet(end.port, world.now_ms) is not None:
                    pass
                due_ms = board.endpoint.deadline_ms(end.port)
                assert due_ms is None or due_ms > world.now_ms
                for session in board.endpoint.sessions.values():
                    held = 0
                    for inbox in (session.short, session.long):
                        for partial in inbox.partial.values():
                            held += len(partial.body)
                    assert held <= 2 * session.limit_bytes
                    partials += held > 0
                delivered += len(board.messages)
                board.messages.clear()
                board.diary.clear()
        # Whatever it did to the board, the next good packet is served.
        target.attach()
        if turn == 1:
            before = in_use()
    target.attach()
    assert in_use() - before < MOST_GROWTH
    assert delivered and partials and target.dials > rounds


def test_decoders():
    random = random_for("decoders")
    good = [encode(random.bytes(random.between(1, 60)), PROMPT) for _ in range(20)]
    text = [0]

    def count_text(data):
        text[0] += len(data)

    decoder = Decoder(count_text)
    stream = lengths.Decoder(600)
    before = None
    for _ in range(2):
        for _ in range(max(1, PACKETS // 2)):
            data = bytearray(random.choice(good))
            for _ in range(random.below(3)):
                data[random.below(len(data))] = random.choice((0, 0x1B, 0x80, 0xBF, 0x0A, 0xFF))
            data = bytes(data[: random.between(1, len(data))])
            decoder.feed(data)
            try:
                stream.feed(data)
            except ValueError:
                stream = lengths.Decoder(600)
        assert len(decoder._held) <= 8200 and len(stream._held) <= 604
        decoder.give_up()
        if before is None:
            before = in_use()
    assert in_use() - before < MOST_GROWTH
    assert text[0] and decoder.damaged
    for _ in range(2):  # what a broken head still waits for ends with the first frame
        got = decoder.feed(encode(b"\x80good", PROMPT))
    assert got == [b"\x80good"]


def test_hostile_hellos():
    world = World(random_for("hostile"))
    board = Party(world, "board")
    wild = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    random = world.random
    for i in range(count(4000)):
        port = Port(512)
        number = [random.choice(wild) for _ in range(15)]
        session = random.choice((b"sessionX", b"sessionY", b"sessionZ"))
        body = pack(
            "<BB8sIIIHIIHIHHIHB", 1, random.below(4), session, number[0], random.choice((0, 0, 5)),
            number[1], number[2] & 0xFFFF, number[3], number[4], number[5] & 0xFFFF, number[6],
            number[7] & 0xFFFF, number[8] & 0xFFFF, number[9], number[10] & 0xFFFF,
            random.below(6),
        ) + b"uid__name"  # fmt: skip
        board.endpoint.receive(port, bytes((0x48, i & 0xFF, 0, 1)) + body, world.now_ms)
        answered = port.answered
        if answered is not None:
            tag = pack("<I", answered.tag)
            first = pack("<H", answered.tag & 0xFFFF)
            packet = b"\x82" + tag + first + b"\x00\x00" + b"\x01\x00\x00\x00"
            board.endpoint.receive(port, packet, world.now_ms)
            mine = port.attach.session
            if not mine.out.long.waiting and not mine.out.short.waiting:
                try:
                    mine.send(CALL, 1, bytes(40))
                except Exception as error:
                    assert "at once are too many" in str(error)
        for _ in range(100):
            packet = board.endpoint.next_packet(port, world.now_ms)
            if packet is None:
                break
            assert len(packet) <= 512
        else:
            raise AssertionError("it never ends")
        world.now_ms += random.below(400)
        if port.attach is not None:
            board.endpoint.tick(port, world.now_ms)
        board.endpoint.port_lost(port, "gone", world.now_ms)
        assert len(board.endpoint.sessions) <= 4
        board.messages.clear()
        board.diary.clear()
