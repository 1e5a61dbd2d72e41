"""One session over whatever link there is, driven by threads (CPython only).

While a thread waits for a reply it polls the link itself, for all: one leads, others follow. When
nobody calls, a thread of ours ("picolink NAME") does, so that keepalive, events and reconnects go
on. Callbacks and the commands that the peer calls run one at a time in a second thread
("picolink NAME callbacks"); they may call the peer themselves.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from ..core.dialer import Dialer
from ..core.errors import CannotConnect, PicolinkError, Refused, UsageError
from ..core.session import Session
from ..core.timing import TIMES
from ..links.forgiving import normalise
from ..links.registry import load, split
from ..links.shown import shown
from .calls import Calls
from .driver import Driver
from .host import host_name
from .node import Node
from .wait_thread import Host

_QUIET_MS = 10  # since the last call, before our own thread leads
EVER = 1 << 62
_DIAGNOSE_MS = 1500  # without an answer, before the link is asked what is at its other end


class Line:
    """A session with the node at `address`, on a link that is opened again whenever it is lost."""

    def __init__(self, address: str, node: Node | None, on_log: Callable[[str], object] | None):
        self._target = address
        self.address = shown(address)
        self.node = node or Node(
            f"{host_name()}-{os.getpid() % 10000}",
            max_message_bytes=16 << 20, window_bytes=256 << 10, max_sessions=64,
        )  # fmt: skip
        self.node.execute = self._execute
        self.host = Host(self.node.tick)
        self.node.host = self.host
        self.session = self.node.endpoint.new_session(os.urandom(8))
        self.why = "nothing was heard"
        self.failed: PicolinkError | None = None
        self._driver: Driver | None = None
        self._retry_ms = TIMES["retry"]
        self._retry_at_ms = 0
        self._lead = threading.Lock()
        self._waiters: list[threading.Lock] = []
        self._wanted = False  # by a caller, while our own thread leads
        self._used_ms = 0
        self.closed = threading.Event()
        self.jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._on_log = on_log
        self._text = b""  # of the link, not yet a whole line
        self._heard = bytearray()  # the latest text, to tell what is at the other end
        self._threads: list[threading.Thread] = []
        self.renewals: list[Callable[[], object]] = []  # of what a new session subscribes to
        self.node.peers.append(self)  # type: ignore[arg-type]

    # Connecting

    def _open(self, address: str, timeout_s: float) -> Any:
        scheme, where, options = split(normalise(address))
        if scheme.endswith("-listen"):
            raise UsageError(
                f"{shown(address)} waits for others to dial: give it to Node.run, and connect to "
                f"{scheme.removesuffix('-listen')}:..."
            )
        return load(scheme).open_link(scheme, where, options, timeout_s)

    def _attach(self, link: Any) -> Driver:
        """Greets on an open link; the lock is held."""
        driver = Driver(self.node, link, lambda why: self._on_lost(driver, why))
        self._driver = driver  # before it is used: the link may be lost already
        link.on_text = self._on_text
        Dialer(self.node.endpoint, driver.port, self.session, self, self.node.now_ms())
        driver.drain()
        return driver

    def connect(self, timeout_s: float, start: bool) -> None:
        """Opens the link and greets, until the node answers."""
        end_ms = self.node.now_ms() + int(timeout_s * 1000)
        link = self._open(self._target, timeout_s)
        if start:
            if not hasattr(link, "restart"):
                raise UsageError(f"start=True works over USB only, not on {self.address}")
            try:
                link.restart()
            except PicolinkError:
                link.close()
                raise
        with self.host.lock:
            self._attach(link)
        diagnose_ms = self.node.now_ms() + _DIAGNOSE_MS
        while not self._settled():
            now_ms = self.node.now_ms()
            if now_ms >= end_ms:
                break
            if self._lost():  # while greeting: the board may be starting
                self.closed.wait(TIMES["retry"] / 1000)
                link = self._open(self._target, timeout_s)
                with self.host.lock:
                    self._attach(link)
                continue
            if now_ms >= diagnose_ms and hasattr(link, "diagnose"):
                diagnose_ms = EVER
                found = self._diagnose(link)
                if found.final and not start:
                    raise CannotConnect(f"{self.address}: {found}")
                continue
            self.host.turn(min(end_ms, diagnose_ms))
        if self.failed is not None:
            raise self.failed
        if not (self.session.attach is not None):
            raise CannotConnect(self._reason(link, timeout_s))
        for target in (self._background, self._callbacks):
            name = f"picolink {self.session.peer_name}" + " callbacks" * (target == self._callbacks)
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _lost(self) -> bool:
        return self._driver is None

    def _settled(self) -> bool:
        return (self.session.attach is not None) or self.failed is not None

    def _diagnose(self, link: Any) -> Any:
        def wait(milliseconds: int) -> bytes:
            heard = len(self._heard)
            end_ms = self.node.now_ms() + milliseconds
            while self.node.now_ms() < end_ms and not self._settled():
                self.host.turn(end_ms)
            return bytes(self._heard[heard:])

        return link.diagnose(bytes(self._heard), wait)

    def _reason(self, link: Any, timeout_s: float) -> str:
        if hasattr(link, "diagnose") and self._driver is not None:
            return f"{self.address}: {self._diagnose(link)}"
        if self._driver is None:
            return f"{self.address}: {self.why}"
        if self._driver.port.echoes:
            return (
                f"{self.address}: only what we say comes back, and no node answers: are TX and RX "
                "joined at this end? TX belongs to the other one's RX, and RX to its TX"
            )
        return (
            f"{self.address} is open, but no picolink node answered in {timeout_s:g} s: "
            "is node.run(...) running there, with this link?"
        )

    def _on_lost(self, driver: Driver, why: str) -> None:
        if driver is self._driver:
            self.why = why
            self._driver = None
            self._retry_ms = TIMES["retry"]
            self._retry_at_ms = self.node.now_ms()
            self.host.wake()

    def _reconnect(self) -> None:
        """Opens the link once more; our own thread does, outside the lock."""
        try:
            link = self._open(self._target, 5)
        except (PicolinkError, OSError) as error:
            self.why = str(error)
            self._retry_at_ms = self.node.now_ms() + self._retry_ms
            self._retry_ms = min(2 * self._retry_ms, TIMES["retry_max"])
            return
        with self.host.lock:
            if self.closed.is_set():
                link.close()
            else:
                self._attach(link)

    def on_state(self, session: Session, why: str) -> None:
        """The session has changed; the lock is held."""
        if session is not self.session or self.closed.is_set():
            return
        driver = self._driver
        if session.state == "dormant":
            self.why = why or self.why
            if driver is not None and driver in self.node.drivers:
                Dialer(self.node.endpoint, driver.port, session, self, self.node.now_ms())
        elif session.state == "closed" and session.peer_uid:
            self.why = f"the program on {session.peer_name} ended"
            self.on_forgotten(session)

    def on_refused(self, session: Session, why: str) -> None:
        """The other side does not want us."""
        self.failed = Refused(f"{self.address} refused: {why}")

    def on_forgotten(self, session: Session) -> None:
        """The board was restarted: a new session begins, with the same subscriptions."""
        if session is not self.session:
            return  # it has begun already
        self.session = self.node.endpoint.new_session(os.urandom(8))
        driver = self._driver
        if driver is not None:
            now_ms = self.node.now_ms()
            Dialer(self.node.endpoint, driver.port, self.session, self, now_ms)
        else:
            self.session.step("dial", self.node.now_ms())
        for renew in self.renewals:
            renew()

    def on_silence(self, session: Session) -> None:
        """Nobody answers hellos: the link is opened anew."""
        if self._driver is not None:
            self._driver.lost("nobody answers")

    def move(self, address: str, timeout_s: float = 10) -> None:
        """Goes on over another link: what is under way, either way, arrives over that one."""
        link = self._open(address, timeout_s)
        with self.host.lock:
            old, self._driver = self._driver, None
            driver = self._attach(link)
            self._target = address
            self.address = shown(address)

        def moved() -> bool:
            attach = self.session.attach
            return self.failed is not None or (attach is not None and attach.port is driver.port)

        self.wait(moved, self.node.now_ms() + int(timeout_s * 1000))
        with self.host.lock:
            if not moved():
                self._driver = old
                driver.lost("nobody answered")
                raise CannotConnect(
                    f"no picolink node answered on {self.address} in {timeout_s:g} s"
                )
            if self.failed is not None:
                raise self.failed
            if old is not None:
                old.lost("moved to another link")

    # Threads

    def wait(self, ready: Callable[[], bool], deadline_ms: int) -> bool:
        """Waits until `ready()`; drives the link if no other thread does."""
        try:
            while not ready():
                now_ms = self.node.now_ms()
                if now_ms >= deadline_ms or self.closed.is_set():
                    return ready()
                if self._lead.acquire(blocking=False):
                    try:
                        self._wanted = False
                        while not ready() and not self.closed.is_set():
                            self.host.turn(deadline_ms)
                            if self._waiters:
                                self.notify()
                            if deadline_ms != EVER and self.node.now_ms() >= deadline_ms:
                                break
                    finally:
                        self._lead.release()
                else:
                    waiter = threading.Lock()
                    waiter.acquire()
                    self._waiters.append(waiter)
                    self._used_ms = now_ms  # else our own thread, idle, is faster to lead again
                    self._wanted = True
                    self.host.wake()
                    if not ready():
                        waiter.acquire(timeout=min(0.2, (deadline_ms - now_ms) / 1000))
                    with contextlib.suppress(ValueError):
                        self._waiters.remove(waiter)
            return True
        finally:
            self._used_ms = self.node.now_ms()
            if self._waiters:
                self.notify()

    def notify(self) -> None:
        """Lets the waiting threads look whether what they wait for is there."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.release()

    def _background(self) -> None:
        """Leads while nobody calls."""
        quiet_s = _QUIET_MS / 1000
        while not self.closed.is_set():
            now_ms = self.node.now_ms()
            if self._driver is None and now_ms >= self._retry_at_ms and self.failed is None:
                self._reconnect()
                continue
            idle = now_ms - self._used_ms >= _QUIET_MS and not self._waiters
            if not idle or not self._lead.acquire(blocking=False):
                self.closed.wait(quiet_s)
                continue
            try:
                while not self._wanted and not self.closed.is_set():
                    down = self._driver is None
                    if down and self.node.now_ms() >= self._retry_at_ms:
                        break
                    self.host.turn(self._retry_at_ms if down else EVER)
                    if self._waiters:
                        self.notify()
            finally:
                self._wanted = False
                self._lead.release()
                self.notify()

    def _callbacks(self) -> None:
        """Runs callbacks and the peer's calls, one at a time."""
        while True:
            job = self.jobs.get()
            if job is None:
                return
            try:
                job()
            except Exception as error:
                from .trace import format_traceback

                print(format_traceback(error))

    def _execute(self, talk: Any, command: Any, ref: int, args: list[Any], named: Any) -> None:
        def job() -> None:
            value = error = None
            try:
                value = command.function(*args, **named)
                if inspect.iscoroutine(value):
                    import asyncio

                    value = asyncio.run(value)
            except Exception as problem:
                error = problem
            with self.host.lock:
                try:
                    if error is not None:
                        talk.fail(ref, error)
                    else:
                        talk.settle(command, ref, value)
                except PicolinkError as problem:
                    talk.fail(ref, problem)
                self.send()

        self.jobs.put(job)

    def _on_text(self, text: bytes) -> None:
        self._heard = (self._heard + text)[-4096:]
        lines = (self._text + text).split(b"\n")
        self._text = lines.pop()[-4096:]
        if self._on_log is not None:
            for line in lines:
                text_line = line.rstrip(b"\r").decode("utf-8", "replace")
                self.jobs.put(lambda line=text_line: self._on_log(line))  # type: ignore

    def calls(self) -> Calls:
        """Our calls to the node; the lock is held."""
        calls: Calls = self.session.data.caller()
        return calls

    def send(self) -> None:
        """Sends what was queued; the lock is held."""
        attach = self.session.attach
        if attach is not None:
            attach.port.drain()

    def close(self) -> None:
        """Ends the session and closes the link."""
        if self.closed.is_set():
            return
        with self.host.lock:
            self.closed.set()
            self.node.endpoint.close(self.session, self.node.now_ms())
            driver, self._driver = self._driver, None
            if driver is not None:
                driver.drain()
                driver.lost("closed here")
        self.host.wake()
        self.notify()
        self.jobs.put(None)
        if not self._threads:  # it never connected: what the board said is heard all the same
            self._callbacks()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(2)
        if not any(thread.is_alive() for thread in self._threads):
            self.host.close()
