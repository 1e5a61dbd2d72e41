"""Greeting whoever is at the other end of a link (spec 4). Loaded by nodes that dial."""

from .attach import Attach
from .packets import FRESH, REFUSED, VERSION
from .states import CLOSED
from .timing import TIMES

MYPY = False
if MYPY:
    from typing import Protocol

    from .endpoint import Endpoint
    from .packets import Hello
    from .port import Port
    from .session import Session

    class DialOwner(Protocol):
        def on_refused(self, session: Session, why: str) -> None: ...
        def on_forgotten(self, session: Session) -> None: ...
        def on_silence(self, session: Session) -> None: ...


class Dialer:
    """Says hello on a port until it is answered, to attach `session` to it.

    The owner hears `on_refused` where the other side does not want us, and `on_forgotten` where it
    knows nothing of a session that we had with it: it was restarted, or is another node;
    `on_silence` where nobody answers for as long as makes a link dead.
    """

    same_node = False  # where another one than the session's answers, it is as if it refused

    def __init__(
        self, endpoint: "Endpoint", port: "Port", session: "Session", owner: "DialOwner",
        now_ms: int,
    ) -> None:  # fmt: skip
        self.endpoint = endpoint
        self.owner = owner
        self.attach = Attach(session, port, endpoint.number(), now_ms)
        self.attach.dialed = True
        self.due_ms = now_ms
        self._wait_ms = TIMES["hello"]
        port.dialer = self
        session.step("dial", now_ms)
        try:
            self.tick(now_ms)
        except MemoryError:
            pass  # it says hello later

    def tick(self, now_ms: int) -> None:
        """Says hello when it is due."""
        if now_ms < self.due_ms:
            return
        session = self.attach.session
        if session.state == CLOSED:
            self.attach.port.dialer = None
            return
        if now_ms - self.attach.heard_ms >= TIMES["dead"]:
            self.attach.port.dialer = None
            self.endpoint.abandon(self.attach, "nobody answers", now_ms)
            self.owner.on_silence(session)
            return
        self.due_ms = now_ms + self._wait_ms  # also where there is no memory to say it now
        self._wait_ms = min(2 * self._wait_ms, TIMES["hello_max"])
        flags = 0 if session.met else FRESH
        self.endpoint.say_hello(self.attach, flags, 0, now_ms)

    def welcomed(self, hello: "Hello", now_ms: int) -> None:
        """The hello was answered."""
        if hello.flags & REFUSED:
            self._refused(hello.name, now_ms)
            return
        session = self.attach.session
        self.attach.port.dialer = None
        if session.state == CLOSED:
            return
        other = session.met and hello.uid != session.peer_uid
        if other and self.same_node:
            self._refused("%s is another node than %s" % (hello.name, session.peer_name), now_ms)
            return
        if other or (session.met and hello.flags & FRESH):
            self.endpoint.sessions.pop(session.id, None)
            session.detach("close", "the peer has no memory of the session", now_ms)
            self.owner.on_forgotten(session)
            return
        self.endpoint.attached(self.attach.port, self.attach, hello, now_ms)
        session.ask = True  # which confirms

    def other_version(self, version: int, now_ms: int) -> None:
        """The answer is in another version of the protocol."""
        self._refused(
            "it speaks version %d of the protocol, this node version %d: update the older one"
            % (version, VERSION),
            now_ms,
        )

    def _refused(self, why: str, now_ms: int) -> None:
        self.attach.port.dialer = None
        self.endpoint.abandon(self.attach, why, now_ms)
        self.owner.on_refused(self.attach.session, why)
