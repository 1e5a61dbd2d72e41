"""A session and its attach to one link: sections 4 and 5 of the specification.

Kept simple: what is lost is found by later acknowledgements and a timeout that doubles, fragments
keep their size, and nothing here has a thread: `Session.step` sends and receives what is due.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable

from . import wire
from .lanes import TIMEOUT_S, WINDOW, Attach, Incoming, Outgoing, Receiving, Sending
from .links import Link, Lost
from .wire import CLOCKS, NUMBERS, Data, Hello, Lane, Message, distance

ACK_S = 0.020


class Over(ConnectionError):
    """The session is over: refused, forgotten by the node, or ended by BYE."""


class Session:
    """The peer's half of a session. `on_message` hears each message once.

    A test may replace `outgoing` and `incoming`: packets that are lost, doubled or late; and set
    `acknowledges` to False: then nothing that comes is ever acknowledged.
    """

    def __init__(self, *, uid: bytes = b"", name: str = "peer", clock: int | None = None) -> None:
        self.random = random.Random()
        # Eight bytes as those of all peers here: a node that is full lets one of ours go (4.19).
        self.uid = uid or b"the peer" + self.random.randbytes(4)
        self.name = name
        self.id = self.random.randbytes(8)
        self.mtu, self.window, self.limit = 512, 8192, 16384
        self.peer: Hello | None = None
        self.met = False
        self.over: str | None = None
        self.attach: Attach | None = None
        first = self.random.randrange(NUMBERS)
        self.sending = {lane: Sending(first, first) for lane in (0, wire.LONG)}
        self.receiving = {0: Receiving(), wire.LONG: Receiving()}
        self.origin = clock - self.real_ms() if clock is not None else self.random.randrange(CLOCKS)
        self.behind: int | None = None  # the smallest difference of the clocks seen (4.31)
        self.hellos = 0
        self.on_message: Callable[[Message], None] = lambda message: None
        self.outgoing: Callable[[bytes], list[bytes]] = lambda packet: [packet]
        self.incoming: Callable[[bytes], list[bytes]] = lambda packet: [packet]
        self.acknowledges = True
        self.dials = False
        self.heard: list[bytes] = []  # every packet that came, for tests that look at them

    @staticmethod
    def real_ms() -> int:
        return int(time.monotonic() * 1000)

    def clock(self) -> int:
        return (self.real_ms() + self.origin) % CLOCKS

    # Hellos

    def hello(self, **fields: object) -> Hello:
        """A hello as this session stands now, with a new tag."""
        lanes = [
            Lane(into.lowest, into.bitmap(), out.first)
            for into, out in ((self.receiving[lane], self.sending[lane]) for lane in (0, wire.LONG))
        ]
        made = Hello(
            flags=0 if self.met else wire.FRESH,
            session=self.id,
            tag=self.random.randrange(1, CLOCKS),
            clock=self.clock(),
            mtu=self.mtu,
            window=self.window,
            limit=self.limit,
            short=lanes[0],
            long=lanes[1],
            uid=self.uid,
            name=self.name,
        )
        return made.with_(**fields)

    def send_hello(self, link: Link, hello: Hello, size: int | None = None) -> None:
        self.hellos += 1
        for piece in wire.pieces(hello.encode(), self.hellos, size or link.hello_size):
            link.send(piece)

    def dial(self, link: Link, timeout_s: float = 3, size: int | None = None) -> Hello:
        """Attaches to the node at the other end; returns its hello (4.16, 4.20)."""
        self.dials = True
        mine = self.hello()
        deadline = time.monotonic() + timeout_s
        wait_s = 0.3
        while time.monotonic() < deadline:
            self.send_hello(link, mine, size)
            again = min(deadline, time.monotonic() + wait_s)
            wait_s = 0.6
            answer = receive_hello(link, again, lambda hello: hello.echo == mine.tag)
            if answer is None:
                continue
            if answer.refused:
                raise Over(f"refused: {answer.name}")
            self.attach_to(link, mine, answer)
            self.ask()
            self.run(lambda: self.met, max(deadline - time.monotonic(), 1))
            return answer
        raise TimeoutError("nobody answers the hello")

    def listen(self, link: Link, timeout_s: float = 5) -> Hello:
        """Waits for a hello, answers it, and attaches by the packet that confirms (4.18, 4.21)."""
        deadline = time.monotonic() + timeout_s
        asked = receive_hello(link, deadline, lambda hello: not hello.echo)
        if asked is None:
            raise TimeoutError("nobody said hello")
        return self.answer(link, asked, deadline)

    def answer(self, link: Link, asked: Hello, deadline: float) -> Hello:
        if asked.session != self.id and not self.met:
            self.id = asked.session
        answer = self.hello(echo=asked.tag, session=asked.session)
        self.send_hello(link, answer, max(32, min(asked.mtu, link.carries)))
        again = wire.Pieces()
        while (left := deadline - time.monotonic()) > 0:
            packet = link.receive(left)
            if packet is None:
                continue
            if packet[0] == wire.HELLO:  # it did not hear the answer: the same once more
                body = again.add(packet)
                if body is not None and Hello.decode(body).tag == asked.tag:
                    self.send_hello(link, answer, max(32, min(asked.mtu, link.carries)))
            elif packet[0] & 0x80 and Data.decode(packet).tag == answer.tag:
                self.attach_to(link, answer, asked)
                self.take(packet)
                return asked
        raise TimeoutError("the answer was not confirmed")

    def attach_to(self, link: Link, own: Hello, peer: Hello) -> None:
        """4.22: what was under way before is lost; what the hello names as delivered is settled."""
        if self.met and (peer.fresh or (self.peer and peer.uid != self.peer.uid)):
            self.end("the node has no memory of the session")
        if self.attach is not None:
            self._lose(list(self.attach.under_way))
        lanes = ((0, peer.short), (wire.LONG, peer.long))
        for lane, says in lanes:
            if not self.met:
                self.receiving[lane].lowest = says.first
            if not peer.fresh:
                for id_ in list(self.sending[lane].messages):
                    d = distance(says.lowest, id_)
                    if d < 0 or (d < WINDOW and says.delivered >> d & 1):
                        del self.sending[lane].messages[id_]
        self.peer = peer
        self._note_clock(peer.clock)
        self.attach = Attach(link, own, peer)

    def end(self, why: str) -> None:
        self.over = why
        self.attach = None
        raise Over(why)

    # What is sent

    def transmit(self, data: Data) -> None:
        if self.attach is not None:
            for packet in self.outgoing(data.encode()):
                self.attach.link.send(packet)

    def ask(self) -> None:
        data = self.attach.header(clock=self.clock())
        self.attach.under_way[data.number] = (None, 0, 0, time.monotonic())
        self.transmit(data)

    def goodbye(self) -> None:
        """BYE ends the session at once (4.28)."""
        if self.attach is not None:
            self.transmit(self.attach.header(bye=True))
            self.attach = None

    def queue(self, kind: int, ref: int, body: bytes, lane: int | None = None) -> Message:
        """Gives a message its id and its lane; it leaves when the window lets it."""
        if lane is None:
            mtu = self.attach.mtu if self.attach else 32
            lane = wire.LONG if len(body) + wire.OVERHEAD > mtu else 0
        out = self.sending[lane]
        message = Message(kind | lane, out.following, ref, body)
        out.messages[out.following] = Outgoing(message, deque([(0, len(body))]), len(body), False)
        out.following = (out.following + 1) % NUMBERS
        return message

    def fill_window(self) -> None:
        """Sends what the windows of packets, bytes and ids let go (4.8, 5.4)."""
        attach = self.attach
        while attach is not None and self.met:
            outgoing = self.sending[0].next() or self.sending[wire.LONG].next(2 * self.peer.limit)
            if outgoing is None:
                return
            if attach.under_way:
                oldest = next(iter(attach.under_way))
                if distance(oldest, attach.number) >= WINDOW:
                    return
                if attach.bytes_under_way + attach.mtu > self.peer.window:
                    return
            self._send_part(outgoing)

    def _send_part(self, outgoing: Outgoing) -> None:
        attach, whole = self.attach, outgoing.message
        offset, size = outgoing.todo.popleft()
        if size == len(whole.body) and not outgoing.in_parts and size + 18 <= attach.mtu:
            data = attach.header(message=whole)
        else:
            outgoing.in_parts = True
            now = min(size, attach.mtu - wire.OVERHEAD - 8)
            if now < size:
                outgoing.todo.appendleft((offset + now, size - now))
                size = now
            part = Message(
                whole.kind, whole.id, whole.ref, whole.body[offset : offset + size],
                (offset, len(whole.body)),
            )  # fmt: skip
            data = attach.header(message=part)
        attach.under_way[data.number] = (outgoing, offset, size, time.monotonic())
        attach.bytes_under_way += size + wire.OVERHEAD
        self.transmit(data)

    # What comes

    def take(self, packet: bytes) -> None:
        """One packet of the link that the session is attached to."""
        attach = self.attach
        if packet[0] == wire.GONE and packet[1:] == attach.peer.tag.to_bytes(4, "little"):
            if not self.dials:
                raise Lost("the node knows no such attach")
            self.dial(attach.link)  # 4.27
            return
        try:
            data = Data.decode(packet)
        except wire.Malformed:
            return
        if data.tag != attach.own.tag:
            return
        if not self.acknowledges:
            attach = Attach(attach.link, attach.own, attach.peer)
            attach.accepts(data.number)
        elif not attach.accepts(data.number):
            return
        self.met = True
        self._acknowledged(data)
        if data.bye:
            self.end("BYE")
        if data.clock is not None:
            self._note_clock(data.clock)
        if self.acknowledges and (data.clock is not None or data.message is not None):
            attach.unacknowledged += 1
            gap = attach.seen != wire.ALL_SEEN or attach.unacknowledged >= WINDOW // 3
            soon = data.clock is not None or gap
            attach.ack_at = min(attach.ack_at or 1e12, time.monotonic() + (0 if soon else ACK_S))
        if data.message is not None:
            self._deliver(data.message)

    def _note_clock(self, theirs: int) -> None:
        difference = (self.clock() - theirs) % CLOCKS
        if self.behind is None or distance(self.behind, difference, CLOCKS) < 0:
            self.behind = difference

    def _acknowledged(self, data: Data) -> None:
        attach = self.attach
        if distance(attach.number, data.top) >= 0:
            return  # of a number that was not sent (4.7)
        for number in [n for n in attach.under_way if data.acknowledges(n)]:
            outgoing, _offset, size, _at = attach.under_way.pop(number)
            attach.timeout_s = TIMEOUT_S
            if outgoing is not None:
                attach.bytes_under_way -= size + wire.OVERHEAD
                outgoing.left -= size
                if not outgoing.left:
                    lane = outgoing.message.kind & wire.LONG
                    self.sending[lane].messages.pop(outgoing.message.id, None)
        self._lose([n for n in attach.under_way if distance(n, data.top) >= 3])

    def _lose(self, numbers: list[int]) -> None:
        for number in reversed(numbers):
            outgoing, offset, size, _at = self.attach.under_way.pop(number)
            if outgoing is not None:
                self.attach.bytes_under_way -= size + wire.OVERHEAD
                outgoing.todo.appendleft((offset, size))

    def _deliver(self, message: Message) -> None:
        into = self.receiving[message.kind & wire.LONG]
        if not into.wants(message.id):
            return
        if message.part is not None:
            offset, total = message.part
            end = offset + len(message.body)
            if total > self.limit or end > total:
                return
            unfinished = into.unfinished.setdefault(
                message.id, Incoming(total, bytearray(total), bytearray(total))
            )
            if total != unfinished.total:
                return
            unfinished.body[offset:end] = message.body
            unfinished.have[offset:end] = b"\1" * len(message.body)
            if 0 in unfinished.have:
                return
            message = Message(
                message.kind & ~wire.PART, message.id, message.ref, bytes(unfinished.body)
            )
        into.deliver(message.id)
        self.on_message(message)

    # Time

    def step(self, timeout_s: float) -> None:
        """Sends what is due, and waits so long for a packet at most."""
        attach = self.attach
        if attach is None:
            raise Over(self.over or "without a link")
        now = time.monotonic()
        if attach.under_way:
            oldest_at = next(iter(attach.under_way.values()))[3]
            if now - oldest_at > attach.timeout_s:
                self._lose([n for n, sent in attach.under_way.items() if now - sent[3] > TIMEOUT_S])
                attach.timeout_s = min(8, attach.timeout_s * 2)
                if not any(lane.next() for lane in self.sending.values()):
                    self.ask()
        self.fill_window()
        if attach.ack_at is not None and now >= attach.ack_at:
            self.transmit(attach.header())
            timeout_s = 0  # somebody may wait for just that
        wake = [now + timeout_s, attach.ack_at or now + 1]
        if attach.under_way:
            wake.append(next(iter(attach.under_way.values()))[3] + attach.timeout_s)
        packet = attach.link.receive(max(0, min(wake) - time.monotonic()))
        while packet is not None:
            self.heard.append(packet)
            for each in self.incoming(packet):
                if self.attach is attach:
                    self.take(each)
            packet = attach.link.packets.pop(0) if attach.link.packets else None
        self.fill_window()

    def run(self, until: Callable[[], object], timeout_s: float = 3) -> None:
        """Goes on until the condition holds; TimeoutError when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not until():
            left = deadline - time.monotonic()
            if left < 0:
                raise TimeoutError(f"not in {timeout_s} s; {len(self.heard)} packets came")
            self.step(left)

    def settle(self, timeout_s: float = 3) -> None:
        """Goes on until all that was sent is acknowledged, and all that came as well."""
        self.run(
            lambda: (
                not any(lane.messages for lane in self.sending.values())
                and self.attach.ack_at is None
            ),
            timeout_s,
        )


def receive_hello(
    link: Link, deadline: float, wanted: Callable[[Hello], bool] = lambda hello: True
) -> Hello | None:
    """The next hello on a link that is wanted; None when none comes in time."""
    put_together = wire.Pieces()
    while (left := deadline - time.monotonic()) > 0:
        packet = link.receive(left)
        if packet is not None and packet[0] == wire.HELLO:
            body = put_together.add(packet)
            if body is not None and wanted(hello := Hello.decode(body)):
                return hello
    return None
