"""Faulty virtual links on a virtual clock: nodes made of nothing but the core.

A `World` has a clock that jumps from event to event, `Party` is a node's Endpoint with a diary, a
`Cable` joins two parties and does to their packets what its faults say. The same seed gives the
same faults at the same places, on both interpreters.
"""

from binascii import crc32
from heapq import heappop, heappush
from struct import pack, unpack_from

from both import random_for

from picolink.core import lengths
from picolink.core.dialer import Dialer
from picolink.core.endpoint import Endpoint
from picolink.core.packets import ITEMS
from picolink.core.port import Port
from picolink.core.states import CLOSED, DORMANT
from picolink.core.textstream import PROMPT, Decoder, encode


class World:
    """The clock, and everything that is to happen."""

    def __init__(self, random):
        self.random = random
        self.now_ms = 1000
        self.cables = []
        self._events = []
        self._count = 0

    def at(self, delay_ms, function, *arguments):
        """Calls `function` when `delay_ms` have passed."""
        self._count += 1
        heappush(self._events, (self.now_ms + delay_ms, self._count, function, arguments))

    def run(self, done=None, limit_ms=60_000):
        """Lets time pass until `done()`, or for `limit_ms`; returns whether it was done."""
        end_ms = self.now_ms + limit_ms
        at_once = 0
        while True:
            for cable in self.cables:
                cable.drain()
            if done is not None and done():
                return True
            next_ms = end_ms
            if self._events:
                next_ms = min(next_ms, self._events[0][0])
            for cable in self.cables:
                for end in cable.ends:
                    due_ms = end.due_ms()
                    if due_ms is not None:
                        next_ms = min(next_ms, due_ms)
            if next_ms >= end_ms:
                self.now_ms = end_ms
                return False
            if next_ms > self.now_ms:
                self.now_ms = next_ms
                at_once = 0
            at_once += 1
            assert at_once < 1000, "something stays due whatever tick and next_packet do"
            while self._events and self._events[0][0] <= self.now_ms:
                _, _, function, arguments = heappop(self._events)
                function(*arguments)
            for cable in self.cables:
                for end in cable.ends:
                    due_ms = end.due_ms()
                    if due_ms is not None and due_ms <= self.now_ms:
                        end.party.endpoint.tick(end.port, self.now_ms)


class Party:
    """One node: an Endpoint, what it was told, and what it has to say."""

    def __init__(self, world, name, uid=None, **limits):
        self.world = world
        self.endpoint = Endpoint(
            uid or b"uid-" + name.encode(), name, self, world.random.bytes, **limits
        )
        self.diary = []  # (what, detail)
        self.messages = []  # (kind, ref, body), unless `receiver` takes them
        self.receiver = None
        self.sender = None
        self.redial = None
        self.asleep_until_ms = 0  # a command blocks it: it neither reads nor writes nor ticks

    def session(self):
        """The only session of this node."""
        (session,) = self.endpoint.sessions.values()
        return session

    def told(self, what):
        """The details of the diary entries of this kind."""
        return [detail for kind, detail in self.diary if kind == what]

    def note(self, what, detail):
        if len(self.diary) >= 500:  # a soak has thousands, and a board no memory for them
            self.diary = [entry for entry in self.diary if len(self.told(entry[0])) < 50]
        self.diary.append((what, detail))

    # What the core calls

    def on_message(self, session, kind, ref, body):
        if self.receiver is not None:
            self.receiver.take(kind, ref, body)
        else:
            self.messages.append((kind, ref, body))

    def on_state(self, session, why):
        self.note(session.state, why)
        if session.state == DORMANT and self.redial is not None:
            self.world.at(50, self.redial, session)

    def on_room(self, session, room_bytes):
        if self.sender is None or not self.sender.send(session):
            session.wanted = False

    def on_attach(self, session, port):
        self.note("attach", port.mtu_bytes)

    def on_refused(self, session, why):
        self.note("refused", why)

    def on_forgotten(self, session):
        self.note("forgotten", session.id)

    def on_silence(self, session):
        self.note("silence", session.id)
        self.world.at(50, self.redial, session)


class Cable:
    """A link between two parties. `kind`: "datagram" (with a checksum), "text" (frames among text)
    or "tcp" (length prefixes). Shares are from 0 to 1; `late_ms` is the most that a datagram is
    late, at random, so that datagrams overtake each other."""

    def __init__(
        self, world, one, other, kind="datagram", mtu_bytes=512, delay_ms=2, loss=0, flips=0,
        copies=0, late_ms=0, bytewise=False, prints=0,
    ):  # fmt: skip
        self.world = world
        self.kind = kind
        self.mtu_bytes = mtu_bytes
        self.delay_ms = delay_ms
        self.loss = loss
        self.flips = flips
        self.copies = copies
        self.late_ms = late_ms
        self.bytewise = bytewise
        self.prints = prints
        self.epoch = 0  # goes up with each cut: what is under way then is gone
        self.sent = 0
        self.text = b""
        self.ends = (End(self, one), End(self, other))
        world.cables.append(self)

    def dial(self, session=None, end=0):
        """Has a party greet the other one; returns the session."""
        end = self.ends[end]
        endpoint = end.party.endpoint
        if session is None:
            session = endpoint.new_session(self.world.random.bytes(8))
        if session.state != CLOSED and end.port.dialer is None:
            Dialer(endpoint, end.port, session, end.party, self.world.now_ms)
        return session

    def cut(self):
        """Breaks the link; the ports that are there afterwards are new ones."""
        self.epoch += 1
        for end in self.ends:
            port = end.port
            end.renew()
            end.party.endpoint.port_lost(port, "cut", self.world.now_ms)

    def remove(self):
        """Cuts it, for good."""
        self.cut()
        self.world.cables.remove(self)

    def drain(self):
        """Takes everything that both parties want to send."""
        for i in (0, 1):
            end = self.ends[i]
            if end.party.asleep_until_ms > self.world.now_ms:
                continue
            port = end.port
            while True:
                packet = end.party.endpoint.next_packet(port, self.world.now_ms)
                if packet is None:
                    break
                assert len(packet) <= max(port.mtu_bytes, 32), "a packet larger than the link takes"
                self._carry(self.ends[1 - i], packet)

    def _carry(self, to, packet):
        self.sent += 1
        random = self.world.random
        if self.loss and random.chance(self.loss):
            return
        if self.kind == "datagram":
            data = packet + pack("<I", crc32(packet))
        elif self.kind == "text":
            data = encode(packet, PROMPT)
            if self.prints and random.chance(self.prints):
                data = random.choice((b"hello\r\n", b"T=21.5\n")) + data
        else:
            data = lengths.encode(packet)
        if self.flips and random.chance(self.flips):
            data = bytearray(data)
            data[random.below(len(data))] ^= 1 << random.below(8)
            data = bytes(data)
        times = 2 if self.copies and random.chance(self.copies) else 1
        for _ in range(times):
            delay_ms = self.delay_ms
            if self.late_ms:
                delay_ms += random.below(self.late_ms)
            self.world.at(delay_ms, to.arrives, data, self.epoch)


class Wire(Cable):
    """A serial line of `baud`: frames one behind the other, and so much of its bytes flipped or
    lost. Each end takes another packet when `queue_bytes` at most wait for the line."""

    def __init__(
        self, world, one, other, baud, byte_flips=0, byte_losses=0, window_bytes=1024,
        mtu_bytes=340, queue_bytes=128,
    ):  # fmt: skip
        super().__init__(world, one, other, kind="text", mtu_bytes=mtu_bytes)
        self.baud = baud
        self.byte_flips = byte_flips
        self.byte_losses = byte_losses
        self.bytes = [0, 0]  # sent by either end
        self._queue_ms = queue_bytes * 10_000 // baud
        self._free_us = [0, 0]  # when the line from either end is free
        for end in self.ends:
            end.port.window_bytes = window_bytes
            end.due_ms = lambda end=end, due_ms=end.due_ms: self._later(end, due_ms())

    def _later(self, end, due_ms):
        ready_ms = self._free_us[self.ends.index(end)] // 1000 - self._queue_ms + 1
        return None if due_ms is None else max(due_ms, ready_ms)

    def drain(self):
        """Takes what both parties want to send, as far as the line has room."""
        for i in (0, 1):
            end = self.ends[i]
            while True:
                wait_ms = self._free_us[i] // 1000 - self._queue_ms - self.world.now_ms
                if wait_ms > 0:
                    self.world.at(wait_ms + 1, int)
                    break
                packet = end.party.endpoint.next_packet(end.port, self.world.now_ms)
                if packet is None:
                    break
                self._carry(self.ends[1 - i], packet)

    def _carry(self, to, packet):
        world = self.world
        data = bytearray(encode(packet))
        sender = 1 - self.ends.index(to)
        self.sent += 1
        self.bytes[sender] += len(data)
        begins_us = max(self._free_us[sender], 1000 * world.now_ms)
        self._free_us[sender] = ends_us = begins_us + len(data) * 10_000_000 // self.baud
        if self.byte_flips or self.byte_losses:
            chance = world.random.chance
            heard = bytearray()
            for byte in data:
                if chance(self.byte_flips):
                    byte ^= 1 << world.random.below(8)
                if not chance(self.byte_losses):
                    heard.append(byte)
            data = heard
        delay_ms = (ends_us + 999) // 1000 - world.now_ms
        world.at(delay_ms, to.arrives, bytes(data), self.epoch)


class End:
    """One end of a cable."""

    def __init__(self, cable, party):
        self.cable = cable
        self.party = party
        self.renew()

    def renew(self):
        """A new port, as a link that is opened again has one."""
        self.port = Port(self.cable.mtu_bytes)
        if self.cable.kind == "text":
            self.decoder = Decoder(self.print)
        elif self.cable.kind == "tcp":
            self.decoder = lengths.Decoder(70_000)

    def due_ms(self):
        """When this end has something to do, or None."""
        due_ms = self.party.endpoint.deadline_ms(self.port)
        return due_ms if due_ms is None else max(due_ms, self.party.asleep_until_ms)

    def print(self, text):
        self.cable.text += bytes(text)

    def arrives(self, data, epoch):
        """Bytes came in over the cable."""
        cable = self.cable
        if epoch != cable.epoch:
            return
        asleep_ms = self.party.asleep_until_ms - cable.world.now_ms
        if asleep_ms > 0:
            cable.world.at(asleep_ms, self.arrives, data, epoch)
            return
        if cable.kind == "datagram":
            packet = data[:-4]
            if unpack_from("<I", data, len(packet))[0] == crc32(packet):
                self.receive(packet)
        elif cable.bytewise:
            for i in range(len(data)):
                for packet in self.decoder.feed(data[i : i + 1]):
                    self.receive(packet)
        else:
            for packet in self.decoder.feed(data):
                self.receive(packet)

    def receive(self, packet):
        """Hands a whole packet to the endpoint."""
        self.party.endpoint.receive(self.port, packet, self.cable.world.now_ms)


class Sender:
    """Messages 0 to n - 1, each sent when there is room for it."""

    def __init__(self, n, size):
        self.n = n
        self.size = size  # function: number -> bytes
        self.next = 0

    def send(self, session):
        """Sends the next one; False where there is none."""
        if self.next >= self.n:
            return False
        number = self.next
        self.next += 1
        session.send(ITEMS, number & 0xFFFF, body_of(number, self.size(number)))
        return True


class Receiver:
    """Counts the messages 0 to n - 1 and looks at every byte."""

    def __init__(self, n):
        self.times = bytearray(n)
        self.missing = n

    def take(self, kind, ref, body):
        assert kind == ITEMS
        number = unpack_from("<I", body)[0]
        assert number & 0xFFFF == ref
        assert body == body_of(number, len(body)), "message %d is not what was sent" % number
        assert not self.times[number], "message %d came twice" % number
        self.times[number] = 1
        self.missing -= 1


def body_of(number, size):
    """What message `number` looks like."""
    return pack("<II", number, size) + bytes((number * 7 & 0xFF,)) * (size - 8)


def talk(world, one, other, n, size, limit_ms=3_600_000):
    """Has both send each other n messages; asserts that each arrives, once, in time."""
    for party in (one, other):
        party.sender = Sender(n, size)
        party.receiver = Receiver(n)

    def done():
        for party in (one, other):
            for session in party.endpoint.sessions.values():
                session.wanted = party.sender.next < n
        return not one.receiver.missing and not other.receiver.missing

    done()
    finished = world.run(done, limit_ms)
    assert finished, "of %d messages %d and %d never came" % (
        n,
        one.receiver.missing,
        other.receiver.missing,
    )


def met(name, **limits):
    """World, host, board, cable and the host's session, attached."""
    world = World(random_for(name))
    host, board = Party(world, "host", **limits), Party(world, "board", **limits)
    cable = Cable(world, host, board)
    session = cable.dial()
    assert world.run(lambda: session.met and bool(board.told("attach")), 1000)
    return world, host, board, cable, session
