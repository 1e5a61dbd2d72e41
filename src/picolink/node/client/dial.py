"""One connection that is dialed, and dialed again: which session is greeted on which link, when the
next link is opened, and what ends it all.

No waiting and no I/O. Who waits (`peer` with asyncio, `host/threaded_client` with threads) opens a
link when `next_ms` says so, gives it to `greet_on`, and hears by `on_change` that something is new.
"""

from ...core.dialer import Dialer
from ...core.errors import LinkError, Refused, UsageError
from ...core.timing import TIMES
from ..driver import Driver

MYPY = False
if MYPY:
    from typing import Any

    from ...core.errors import PicolinkError
    from ...core.session import Session
    from ..node import Node


class Dial:
    """A session with whoever is at one address, on one link after the other."""

    def __init__(self, node: "Node", address: str) -> None:
        self.node = node
        self._target = address
        if "@" in address or "//" in address:
            from ...links.redact import redact

            address = redact(address)
        self.address = address
        self.session: Session | None = None
        self.why = "not tried yet"  # there is no link, or there was none the last time
        self.failed: PicolinkError | None = None  # why it will not be tried again
        self.refused: PicolinkError | None = None  # what it said last: it is asked again later
        self._met = False  # whether we were ever connected: then one waits until it has room
        self._driver: Driver | None = None
        self._due_ms = 0  # when the next link is opened
        self._pause_ms = TIMES["retry"]  # after the next loss

    # What who waits adds

    def on_change(self) -> None:
        """Something is new: connected, lost, refused or failed."""

    def on_new_session(self) -> None:
        """The peer was restarted: what lasts longer than a session begins anew."""

    # Links

    def new_session(self) -> "Session":
        """Begins a session, in the place of the one before."""
        endpoint = self.node.endpoint
        self.session = session = endpoint.new_session(endpoint.random(8))
        return session

    def next_ms(self) -> int | None:
        """When to open a link; None: there is one, or it is over."""
        return self._due_ms if self._driver is None and self.failed is None else None

    def greet_on(self, link: "Any") -> None:
        """Says hello on a link that was opened for this."""
        try:
            driver = Driver(self.node, link, lambda why: self.on_lost(driver, why))
        except BaseException:
            link.close()
            raise
        self.greet(driver)

    def greet(self, driver: Driver) -> None:
        """Says hello on a link of the node."""
        self._driver = driver
        self._say_hello()

    def _say_hello(self) -> None:
        driver = self._driver
        if driver is None or driver not in self.node.drivers or self.session is None:
            return
        try:
            Dialer(self.node.endpoint, driver.port, self.session, self, self.node.now_ms())
        except MemoryError:
            self._lose("no memory to dial it")  # later
            return
        driver.wake()

    def not_opened(self, error: Exception) -> None:
        """No link could be opened. A wrong address is not tried again, unless it worked before."""
        if isinstance(error, UsageError) and not self._met:
            self.failed = error
        self.on_lost(None, str(error) or type(error).__name__)

    def on_lost(self, driver: Driver | None, why: str) -> None:
        """A link is gone. If it had connected, the next one is opened at once; after each attempt
        that failed the wait doubles, up to `retry_max`."""
        if driver is not self._driver:
            return
        self._driver = None
        self.why = why
        self._due_ms = self.node.now_ms() + self._pause_ms
        self._pause_ms = min(max(TIMES["retry"], 2 * self._pause_ms), TIMES["retry_max"])
        self.on_change()

    def _lose(self, why: str) -> None:
        """Lets go of the link; one that the node serves stays."""
        driver = self._driver
        if driver is None or driver.on_lost is None:
            self.on_lost(driver, why)
        else:
            driver.lost(why)

    def end(self) -> None:
        """Ends the session and the link, for good."""
        if self.failed is None:
            self.failed = LinkError("the connection to %s was closed here" % self.address)
        session = self.session
        if session is not None:
            attach = session.attach
            self.node.endpoint.close(session, self.node.now_ms())
            if attach is not None:
                attach.port.drain()  # which may be a link that it moves to
        if self._driver is not None:
            self._lose("closed here")
        self.on_change()

    @property
    def connected(self) -> bool:
        """Whether there is a link to it at present."""
        return self.session is not None and self.session.attach is not None

    # What the core tells

    def on_state(self, session: "Session", why: str) -> None:
        """A session of the node has changed."""
        if session is not self.session:
            return
        if session.attach is not None:
            self.refused = None
            if not self._met:
                self._met = True
                self.why = ""
            self._pause_ms = 0
        elif session.state == "dormant":
            self.why = why or self.why
            self._say_hello()  # the link is there still: the peer started anew
        elif session.state == "closed" and self.failed is None:
            self.why = "the program on %s ended" % (session.peer_name or self.address)
            self.on_forgotten(session)
        self.on_change()

    def on_refused(self, session: "Session", why: str) -> None:
        """The other side does not want us now: it may have room later."""
        self.refused = Refused("%s refused: %s" % (self.address, why))
        self._lose("refused: " + why)

    def on_forgotten(self, session: "Session") -> None:
        """The peer was restarted: a new session begins."""
        if session is not self.session:
            return  # it has begun already
        self.new_session().step("dial", self.node.now_ms())
        self._say_hello()
        self.on_new_session()

    def on_silence(self, session: "Session") -> None:
        """Nobody answers hellos: the link is opened anew."""
        self._lose("nobody answers on %s" % self.address)
