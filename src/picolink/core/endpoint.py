"""A node's end of all its links: which packet belongs to which session (spec 4).

A Port is one open link as the core sees it; hellos attach sessions to ports. Whoever dials
greets (core/dialer.py), the other side answers and says nothing before, and the first packet that
bears the answered tag confirms: a late or copied hello can therefore disturb nothing.
"""

from struct import pack, unpack_from

from .attach import Attach
from .packets import (
    BYE,
    CLOCK,
    DATA,
    FRESH,
    GONE,
    HEAD,
    HEAD_BYTES,
    HELLO,
    HELLO_FORMAT,
    HELLO_PIECE_BYTES,
    MIN_MTU_BYTES,
    REFUSED,
    VERSION,
    Hello,
    hello_packets,
)
from .port import Port
from .seldom import seldom, starting
from .session import Session
from .states import ANSWERING, CLOSED, DORMANT
from .timing import TIMES

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Protocol

    from .session import Owner

    class NodeOwner(Owner, Protocol):
        def on_attach(self, session: Session, port: "Port") -> None: ...


class Endpoint:
    """All sessions of one node. `random(n)` gives n random bytes."""

    @starting
    def __init__(
        self,
        uid: bytes,
        name: str,
        owner: "NodeOwner",
        random: "Callable[[int], bytes]",
        window_bytes: int = 4096,
        limit_bytes: int = 16384,
        max_sessions: int = 4,
    ) -> None:
        self.uid = uid
        self.name = name
        self.owner = owner
        self.random = random
        self.window_bytes = window_bytes
        self.limit_bytes = limit_bytes
        self.max_sessions = max_sessions
        self.sessions: dict[bytes, Session] = {}
        self.stale = 0  # packets of attaches that are over
        self.malformed = 0  # packets that make no sense
        self.hellos = 0  # said

    @starting
    def number(self) -> int:
        """A random number from 1 to 2^30 - 1, no byte of which a frame must stuff."""
        return int.from_bytes(self.random(4), "little") & CLOCK | 0x20202020

    @starting
    def new_session(self, ident: bytes) -> Session:
        """A session that belongs to no link yet."""
        first_id = self.number() & 0xFFFF
        session = Session(ident, self.owner, first_id, self.limit_bytes)
        self.sessions[ident] = session
        return session

    @seldom
    def close(self, session: Session, now_ms: int) -> None:
        """Ends a session, and tells the peer if there is a link to it."""
        attach = session.attach
        try:
            if attach is not None:
                attach.port.queue.append(
                    pack(HEAD, DATA | BYE, attach.peer_tag, attach.number, attach.top)
                )
        except MemoryError:  # the peer learns it by its next packet
            pass
        self.sessions.pop(session.id, None)
        session.detach("close", "closed here", now_ms)

    @seldom
    def port_lost(self, port: Port, why: str, now_ms: int) -> None:
        """The link is gone; its session keeps everything for the next one."""
        if port.dialer is not None:
            self.abandon(port.dialer.attach, why, now_ms)
            port.dialer = None
        self._abandon_answered(port, why, now_ms)
        port.lost = True
        port.queue.clear()
        port.quiet_until_ms = 0
        while port.attach is not None:
            port.attach.session.detach("lost", why, now_ms)

    @seldom
    def abandon(self, attach: Attach, why: str, now_ms: int) -> None:
        """A hello came to nothing."""
        session = attach.session
        if session.attach is not None:
            session.step("abandon", now_ms)
            return
        session.step("lost", now_ms, why)
        if not session.met and attach.hello is not None:
            self.sessions.pop(session.id, None)  # somebody's hello alone leaves no trace

    @seldom
    def _abandon_answered(self, port: Port, why: str, now_ms: int) -> None:
        attach, port.answered = port.answered, None
        if attach is not None:
            self.abandon(attach, why, now_ms)

    # Packets

    def receive(self, port: Port, packet: bytes, now_ms: int) -> None:
        """Takes one packet that came in on `port`. Never raises on bad bytes."""
        size = len(packet)
        first = packet[0] if size else 0
        if first & 0xF8 == DATA and size >= HEAD_BYTES:
            flags, tag, number, top = unpack_from(HEAD, packet)
            attach = port.attach
            if attach is None or tag != attach.tag:
                attach = self._of_tag(port, tag, now_ms)
                if attach is None:
                    return
            session = attach.session
            session.receive(attach, packet, flags, number, top, now_ms)
            if session.state == CLOSED:
                self.sessions.pop(session.id, None)
        elif first == HELLO and size > 4 and packet[2] < packet[3] <= 2048 // size:
            self._hello_piece(port, packet, now_ms)
        else:
            self._control(port, packet, first, now_ms)

    @seldom
    def _control(self, port: Port, packet: bytes, first: int, now_ms: int) -> None:
        from .control import take

        if not take(port, packet, first, now_ms):
            self.malformed += 1

    @starting
    def _of_tag(self, port: Port, tag: int, now_ms: int) -> Attach | None:
        """The attach whose packets bear `tag`, where it isn't the first one of the port."""
        attach = port.other
        if attach is not None and attach.tag == tag:
            return attach
        attach = port.answered
        if attach is not None and tag == attach.tag and attach.session.state != CLOSED:
            assert attach.hello is not None
            if attach.session.met or self._admit(attach.session, attach.hello.uid, now_ms):
                port.answered = None
                self.attached(port, attach, attach.hello, now_ms)
                return attach
            self._abandon_answered(port, "others were faster", now_ms)
        self._stale(port, tag)
        return None

    @seldom
    def _stale(self, port: Port, tag: int) -> None:
        """A packet of an attach that is over, or our own, come back as an echo."""
        self.stale += 1
        if not port.queue and port.find(tag) is None:
            port.queue.append(pack("<BI", GONE, tag))

    def next_packet(self, port: Port, now_ms: int) -> bytes | None:
        """The next packet to send on `port`, or None."""
        if port.queue:
            return port.queue.pop(0)
        attach = port.attach
        if attach is None or port.quiet_until_ms:
            return None
        packet = attach.session.next_packet(now_ms)
        if packet is None and port.other is not None:
            return port.other.session.next_packet(now_ms)
        return packet

    @seldom
    def quiet(self, port: Port, ms: int) -> bool:
        """Asks the peer to send nothing for `ms`, at most MAX_QUIET_MS; 0: to go on. The port's
        `on_quiet` is called when it says nothing more. False: nobody is there to be asked."""
        from .control import ask_for_quiet

        return ask_for_quiet(port, ms)

    def tick(self, port: Port, now_ms: int) -> None:
        """Does what is due on `port`; `next_packet` may have something to say then."""
        if port.dialer is not None:
            port.dialer.tick(now_ms)
        if port.answered is not None and port.answered.due_ms <= now_ms:
            self._abandon_answered(port, "its hello was never confirmed", now_ms)
        if port.quiet_until_ms <= now_ms:
            port.quiet_until_ms = 0
        if port.attach is not None:
            port.attach.session.tick(now_ms)
        if port.other is not None:
            port.other.session.tick(now_ms)

    def deadline_ms(self, port: Port) -> int | None:
        """When `tick` has something to do on `port` at the latest; None: nothing."""
        deadline = None
        if port.attach is not None:
            deadline = port.attach.session.deadline_ms()
            if port.other is not None:
                deadline = min(deadline, port.other.session.deadline_ms())
            if port.quiet_until_ms:
                deadline = port.quiet_until_ms
        for greeting in (port.dialer, port.answered):
            if greeting is not None and (deadline is None or greeting.due_ms < deadline):
                deadline = greeting.due_ms
        return deadline

    # Hellos

    @starting
    def say_hello(
        self, attach: Attach, flags: int, echo: int, now_ms: int, refusal: str = ""
    ) -> None:
        """Queues our hello for `attach`; `echo` is the tag of the one that it answers. Its pieces
        are no larger than the peer takes."""
        session = attach.session
        port = attach.port
        window_bytes = port.window_bytes or self.window_bytes
        port.prompt_bytes = window_bytes // 3
        body = (
            pack(
                HELLO_FORMAT, VERSION, flags, session.id, attach.tag, echo, now_ms & CLOCK,
                port.takes_bytes, window_bytes, self.limit_bytes,
                session.short.low, session.short.bits, session.out.short.first_id,
                session.long.low, session.long.bits, session.out.long.first_id, len(self.uid),
            )
            + self.uid
            + (refusal or self.name).encode()
        )  # fmt: skip
        if len(port.queue) < 8:  # else the link stands still; the hello comes again
            self.hellos += 1
            takes_bytes = HELLO_PIECE_BYTES
            if attach.hello is not None:
                takes_bytes = max(MIN_MTU_BYTES, attach.hello.mtu_bytes)
            mtu_bytes = min(port.mtu_bytes, takes_bytes)
            port.queue.extend(hello_packets(body, mtu_bytes, self.hellos))

    @starting
    def _hello_piece(self, port: Port, packet: bytes, now_ms: int) -> None:
        if port.lost:  # what came before: nothing would ever end a session of it
            return
        _, number, index, count = packet[:4]
        if number != port.piece_of or len(port.pieces) != count:
            port.piece_of = number
            port.pieces = [b""] * count
        port.pieces[index] = packet[4:]
        if b"" in port.pieces:
            return
        port.piece_of = -1
        body = b"".join(port.pieces)
        dialer = port.dialer
        if body[0] != VERSION:
            self._other_version(port, body, now_ms)
            return
        try:
            hello = Hello(body)
        except ValueError:
            self.malformed += 1
            return
        if not hello.echo:
            self._greeted(port, hello, now_ms)
        elif dialer is not None and hello.echo == dialer.attach.tag:
            dialer.welcomed(hello, now_ms)
        else:
            self.stale += 1

    @seldom
    def _other_version(self, port: Port, body: bytes, now_ms: int) -> None:
        if port.dialer is not None:
            port.dialer.other_version(body[0], now_ms)
        elif not port.queue and len(body) > 1 and not body[1] & REFUSED:
            self._refuse(port, b"", 1, "", 0)

    @seldom
    def _refuse(
        self, port: Port, ident: bytes, echo: int, why: str, now_ms: int,
        hello: "Hello | None" = None,
    ) -> None:  # fmt: skip
        """Answers a hello by saying why not."""
        attach = Attach(Session(ident, self.owner, 0, 0), port, 0, 0)
        attach.hello = hello
        self.say_hello(attach, REFUSED, echo, now_ms, why)

    @seldom
    def _unwelcome(self, hello: Hello, session: Session | None, now_ms: int) -> str:
        """Why a hello that would need a new session, or another one's, is refused; "" if not."""
        if hello.uid == self.uid:
            return "it would talk to itself"
        if session is not None:
            return "the session belongs to another node"
        if not self._has_room() and self._oldest(hello.uid, now_ms) is None:
            return "%s has %d sessions already" % (self.name, self.max_sessions)
        return ""

    @starting
    def _greeted(self, port: Port, hello: Hello, now_ms: int) -> None:
        """Somebody dialed us: answer, but change nothing before the answer is confirmed."""
        attach = port.answered
        if attach is None or attach.hello is None or attach.hello.tag != hello.tag:
            if port.dialer is not None and port.dialer.attach.tag == hello.tag:
                port.echoes = True
                return
            session = self.sessions.get(hello.session)
            if session is None:
                fits = self._has_room()
            else:
                fits = not session.met or session.peer_uid == hello.uid
            if not fits or hello.uid == self.uid:
                why = self._unwelcome(hello, session, now_ms)
                if why:
                    self._refuse(port, hello.session, hello.tag, why, now_ms, hello)
                    return
            if attach is not None:
                self._abandon_answered(port, "another hello came", now_ms)
            if session is None:
                session = self.new_session(hello.session)
            self.sessions[session.id] = session  # the other hello may have been of the same one
            session.step("hello", now_ms)
            port.answered = attach = Attach(session, port, self.number(), now_ms)
            attach.hello = hello
        attach.due_ms = now_ms + TIMES["pending"]
        flags = 0 if attach.session.met else FRESH
        self.say_hello(attach, flags, hello.tag, now_ms)

    @starting
    def attached(self, port: Port, attach: Attach, hello: Hello, now_ms: int) -> None:
        """Both sides know that both are there: the session goes on over this port."""
        for old in (port.attach, port.other):
            if old is not None and old.dialed == attach.dialed:
                if old.session is not attach.session:
                    old.session.detach("lost", "another session came on its link", now_ms)
        attach.session.attach_to(attach, hello, now_ms)
        attach.hello = None  # it has served
        self.owner.on_attach(attach.session, port)

    @starting
    def _has_room(self) -> bool:
        """Whether one more session has a place. An unconfirmed hello takes none."""
        taken = 0
        for session in self.sessions.values():
            if session.met or session.state != ANSWERING:
                taken += 1
        return taken < self.max_sessions

    @starting
    def _admit(self, session: Session, uid: bytes, now_ms: int) -> bool:
        """Gives a new session its place; False where there is none. It takes the place of older
        dormant ones of the same node."""
        for old in list(self.sessions.values()):
            if old.state == DORMANT and old.peer_uid == uid:
                self.close(old, now_ms)
        if not self._has_room():
            oldest = self._oldest(uid, now_ms)
            if oldest is None:
                return False
            self.close(oldest, now_ms)
        self.sessions[session.id] = session
        return True

    @seldom
    def _oldest(self, uid: bytes, now_ms: int) -> Session | None:
        """The longest dormant session that may go for one of `uid`, or None."""
        oldest = None
        for session in self.sessions.values():
            if session.state == DORMANT and (
                session.peer_uid[:8] == uid[:8] or now_ms - session.since_ms >= TIMES["dormant"]
            ):
                if oldest is None or session.since_ms < oldest.since_ms:
                    oldest = session
        return oldest
