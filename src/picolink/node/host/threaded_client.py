"""One session over whatever link there is, driven by threads (CPython only).

While a thread waits for a reply it polls the link itself, for all (lead.py). When nobody calls, a
thread of ours ("picolink NAME") does, so that keepalive, events and reconnects go on. Callbacks and
the commands that the peer calls run one at a time in a second thread ("picolink NAME callbacks",
callbacks.py); they may call the peer themselves.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from ... import load as load_module
from ...core.errors import CannotConnect, PicolinkError, UsageError
from ...core.session import Session
from ...core.timing import TIMES
from ...links.host.abilities import Diagnosable, Restartable
from ...links.host.forks import on_fork
from ...links.host.user_address import normalise
from ...links.redact import redact
from ...links.registry import load, split
from ..client.calls import Calls
from ..client.dial import Dial
from ..driver import Driver
from ..node import Node
from . import signals
from .callbacks import Callbacks
from .forking import let_go
from .identity import host_name
from .lead import EVER, Lead
from .leaving import LONGEST_MS, under_way
from .loop_thread import Host

_MOMENT_MS = 2  # that what is published may wait for more
_AGAIN_S = 0.2  # after what should not have happened
_DIAGNOSE_MS = 1500  # without an answer, before the link is asked what is at its other end

# What messages and errors need, now: where a Ctrl-C comes at the wrong step of an import, Python's
# import lock stays held, and a thread of ours that imports stands for good.
for _path in (
    "core.control", "core.markers", "core.partial", "net.clock", "net.places", "net.zone",
    "node.config", "node.error_reply", "node.features.clock", "node.interrupts",
    "node.services.bench", "node.services.deliver", "node.services.describe", "node.services.log",
    "node.services.stats", "node.services.time", "node.services.wifi", "node.special",
    "node.streams", "node.traceback",
):  # fmt: skip
    load_module(_path)


class ThreadedClient(Dial):
    """A session with the node at `address`, on a link that is opened again whenever it is lost."""

    session: Session  # from the beginning

    def __init__(
        self, address: str, node: Node | None, on_log: Callable[[str], object] | None,
        on_error: Callable[[BaseException], object] | None = None,
    ) -> None:  # fmt: skip
        node = node or Node(
            f"{host_name()}-{os.getpid() % 10000}",
            max_message_bytes=16 << 20, window_bytes=256 << 10, max_sessions=64,
        )  # fmt: skip
        if node.host is not None:
            raise UsageError(
                f"the node {node.name} serves another connection already: give each its own"
            )
        super().__init__(node, address)
        self.why = "nothing was heard"
        if on_error is not None:
            self.node.on_error = on_error
        lock = signals.Lock()
        signals.protect(lock)
        self.host = Host(self.node.tick, self.node, lock)
        self.node.host = self.host
        self.callbacks = Callbacks(self.node, self.host.lock, self.send)
        self.node.aside = self.callbacks.aside
        self.new_session()
        self.moves = threading.Lock()  # one at a time
        self.closed = threading.Event()
        self.lead = Lead(self.host, self.node.now_ms, self.closed)
        self.wait = self.lead.wait
        self._on_log = on_log
        self._text = b""  # of the link, not yet a whole line
        self._heard = bytearray()  # the latest text, to tell what is at the other end
        self._thread: threading.Thread | None = None
        self.intakes: list[Any] = []  # of streams and subscriptions, see feed.py
        self.kept: list[Any] = []  # of these the subscriptions, which a new session begins anew
        self.node.peers.append(self)  # type: ignore[arg-type]
        on_fork(self)

    # Connecting

    def open(self, address: str, timeout_s: float) -> Any:
        """Opens a link to `address`."""
        scheme, where, options = split(normalise(address))
        if scheme.endswith("-listen"):
            raise UsageError(
                f"{redact(address)} waits for others to dial: give it to Node.run, and connect to "
                f"{scheme.removesuffix('-listen')}:..."
            )
        return load(scheme).open_link(scheme, where, options, timeout_s)

    def greet_on(self, link: Any) -> None:
        """Says hello on a link that was opened for this; the lock is held."""
        super().greet_on(link)
        link.on_text = self.on_text

    def connect(self, timeout_s: float, start: bool) -> None:
        """Opens the link and greets the node. Raises what is wrong if it refuses, or does not
        answer within `timeout_s`."""
        end_ms = self.node.now_ms() + int(timeout_s * 1000)
        signals.protect(self.host.lock)
        link = self.open(self._target, timeout_s)
        if start:
            if not isinstance(link, Restartable):
                raise UsageError(f"start=True works over USB only, not on {self.address}")
            try:
                link.restart()
            except PicolinkError:
                link.close()
                raise
        with self.host.lock:
            self.greet_on(link)
        diagnose_ms = EVER
        if isinstance(link, Diagnosable):
            diagnose_ms = self.node.now_ms() + _DIAGNOSE_MS
        while not self._settled():
            now_ms = self.node.now_ms()
            if now_ms >= end_ms:
                break
            if self._driver is None:  # it was lost while greeting: the board may be starting
                self.closed.wait(TIMES["retry"] / 1000)
                link = self.open(self._target, timeout_s)
                with self.host.lock:
                    self.greet_on(link)
                continue
            if now_ms >= diagnose_ms:
                diagnose_ms = EVER
                found = self._diagnose(link)
                if found.final and not start:
                    raise found.error(self.address)
                continue
            self.host.turn(min(end_ms, diagnose_ms))
        if self.refused is not None:
            raise self.refused
        if not self.connected:
            raise self._reason(link, timeout_s)
        name = f"picolink {self.session.peer_name}"
        with self.host.lock:  # which keeps a Ctrl-C out: what was made is started
            thread = threading.Thread(target=self._background, name=name, daemon=True)
            thread.start()
            self._thread = thread
            self.callbacks.start(name + " callbacks")

    def _settled(self) -> bool:
        return self.connected or self.refused is not None

    def _diagnose(self, link: Diagnosable) -> Any:
        def wait(milliseconds: int) -> bytes:
            heard = len(self._heard)
            end_ms = self.node.now_ms() + milliseconds
            while self.node.now_ms() < end_ms and not self._settled():
                self.host.turn(end_ms)
            return bytes(self._heard[heard:])

        return link.diagnose(bytes(self._heard), wait)

    def _reason(self, link: Any, timeout_s: float) -> PicolinkError:
        if isinstance(link, Diagnosable) and self._driver is not None:
            told: PicolinkError = self._diagnose(link).error(self.address)
            return told
        if self._driver is None:
            return CannotConnect(f"{self.address}: {self.why}", kind="lost")
        if self._driver.port.echoes:
            return CannotConnect(
                f"{self.address}: only what we say comes back, and no node answers", kind="echo",
                joint=": ", advice="are TX and RX joined at this end? TX belongs to the other "
                "one's RX, and RX to its TX",
            )  # fmt: skip
        return CannotConnect(
            f"{self.address} is open, but no picolink node answered in {timeout_s:g} s",
            kind="no_answer", joint=": ",
            advice="is node.run(...) running there, with this link?",
        )  # fmt: skip

    def on_lost(self, driver: Driver | None, why: str) -> None:
        """Wakes our own thread, so that it looks when to open the next link."""
        super().on_lost(driver, why)
        if driver is not None:  # else it has tried itself, and knows
            self.host.wake()

    def _reconnect(self) -> None:
        """Opens the link once more; our own thread does, outside the lock."""
        try:
            link = self.open(self._target, 5)
        except Exception as error:  # whatever it is, it is tried again
            with self.host.lock:
                self.not_opened(error)
            return
        with self.host.lock:
            if self.closed.is_set():
                link.close()
            else:
                self.greet_on(link)

    def on_new_session(self) -> None:
        """The board was restarted: the same subscriptions begin anew."""
        for intake in list(self.kept):
            intake.renew()

    def uses(self, driver: Driver) -> bool:
        """Whether this is the connection's own link."""
        return driver is self._driver

    def move_to(self, driver: Driver, address: str) -> None:
        """Goes on over `driver`, which is attached; the lock is held."""
        old, self._driver = self._driver, driver
        self._target = address
        self.address = redact(address)
        if old is not None:
            old.lost("moved to another link")

    # Threads

    def _background(self) -> None:
        """Leads while nobody calls."""
        while not self.closed.is_set():
            try:
                if self.node.now_ms() >= self._until_ms():
                    self._reconnect()
                else:
                    self.lead.while_idle(self._until_ms)
            except Exception as error:  # ours: it is told, and the link goes on
                self.node.report(error)
                self.closed.wait(_AGAIN_S)

    def _until_ms(self) -> int:
        """When our own thread must stop polling and open a link."""
        due_ms = self.next_ms()
        return EVER if due_ms is None else due_ms

    def on_text(self, text: bytes) -> None:
        """What stood between frames: lines of the other side's log."""
        self._heard = (self._heard + text)[-4096:]
        lines = (self._text + text).split(b"\n")
        self._text = lines.pop()[-4096:]
        if self._on_log is not None:
            for line in lines:
                text_line = line.rstrip(b"\r").decode("utf-8", "replace")
                self.callbacks.put(lambda line=text_line: self._log(line))  # type: ignore[misc]

    def _log(self, line: str) -> None:
        assert self._on_log is not None
        self.callbacks.perform(self._on_log, (line,), {})

    def calls(self) -> Calls:
        """Our calls to the node; the lock is held."""
        calls: Calls = self.session.data.caller()
        return calls

    def send(self) -> None:
        """Sends what was queued; the lock is held."""
        attach = self.session.attach
        if attach is not None:
            attach.port.drain()

    def send_items(self) -> None:
        """Sends what was published; the lock is held. At once where nothing is under way, else
        with what comes within a moment: many small items in one packet (Nagle, RFC 896)."""
        attach = self.session.attach
        if attach is not None and attach.flight:
            self.host.call_by(self.node.now_ms() + _MOMENT_MS)
        else:
            self.send()

    def close(self) -> None:
        """Waits up to 1 s until the peer has what was published, then ends the session and closes
        the link."""
        try:
            end_ms = self.node.now_ms() + LONGEST_MS
            self.wait(lambda: not under_way(self.node, self.session), end_ms)
        finally:
            self._close()

    def _close(self) -> None:
        """All is let go of, also where a Ctrl-C comes while threads end."""
        mine = False
        try:
            with self.host.lock:
                if self.closed.is_set():
                    return
                mine = True
                self.closed.set()
                self.end()
                self.host.wake()
                self.lead.notify()
                self.callbacks.end()
            self.callbacks.join()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(2)
        finally:
            if mine:
                with self.host.lock:
                    self.node.peers.remove(self)  # type: ignore[arg-type]
                    self.host.close()
                    if self.node.host is self.host:
                        self.node.host = self.node.aside = None
                signals.release(self.host.lock)

    def forked(self) -> None:
        """This is the child of a fork. The lock may be held by a thread that is not here."""
        let_go(self.node)
        self._driver = None
        self.host.forked(signals.Lock())
        self.callbacks.lock = self.host.lock
        self.closed.set()
