"""The same API without asyncio: the calling thread drives the link (CPython only).

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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..core.dialer import Dialer
from ..core.errors import CannotConnect, LinkError, NotDone, PicolinkError, Refused, UsageError
from ..core.session import Session
from ..core.timing import TIMES
from ..links.forgiving import normalise
from ..links.registry import load, split
from .calls import Call, Items
from .driver import Driver
from .host import host_name
from .items import Reading, reading
from .node import Node
from .subscriber import begin, wall_s
from .wait_thread import Host

_QUIET_MS = 10  # since the last call, before our own thread leads
_EVER = 1 << 62
_DIAGNOSE_MS = 1500  # without an answer, before the link is asked what is at its other end


class Feed:
    """What a subscription or stream has brought and nobody has taken yet; an iterator.

    `for reading in feed` waits for each; `close` ends it.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._taken: list[Any] = []
        self._queue: list[Any] = []
        self.call: Call | None = None
        self.deadline_ms = _EVER

    def take(self, call: Call, batch: list[Any]) -> None:
        """Takes what has come."""
        self._queue.extend(batch)

    def _ready(self) -> bool:
        return bool(self._queue) or self.call is None or self.call.done

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._taken:
            self._board._wait(self._ready, self.deadline_ms)
            with self._board._host.lock:
                self._taken, self._queue = self._queue, []
                if self._taken:
                    self._taken.reverse()
                    assert self.call is not None
                    self._board._calls().grant(self.call, len(self._taken))
                    self._board._send()
                else:
                    if self.call is not None and self.call.done:
                        self.call.result()
                    raise StopIteration
        return self._taken.pop()

    def close(self) -> None:
        """Ends it; nothing more comes."""
        board = self._board
        with board._host.lock:
            call = self.call
            if call is not None and not call.done:
                board._calls().cancel(call)
                call.end(None)
                board._send()
        board._notify()

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Board:
    """A connected node, with calls that wait. Every method may be used from any thread."""

    def __init__(self, address: str, node: Node | None, on_log: Callable[[str], object] | None):
        self.address = address
        self.node = node or Node(
            f"{host_name()}-{os.getpid() % 10000}",
            max_message_bytes=16 << 20, window_bytes=256 << 10, max_sessions=64,
        )  # fmt: skip
        self.node.execute = self._execute
        self._host = Host(self.node.tick)
        self.node.host = self._host
        self.session = self.node.endpoint.new_session(os.urandom(8))
        self.why = "nothing was heard"
        self._failed: PicolinkError | None = None
        self._driver: Driver | None = None
        self._retry_ms = TIMES["retry"]
        self._retry_at_ms = 0
        self._lead = threading.Lock()
        self._waiters: list[threading.Lock] = []
        self._wanted = False  # by a caller, while our own thread leads
        self._used_ms = 0
        self._closed = threading.Event()
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._on_log = on_log
        self._text = b""  # of the link, not yet a whole line
        self._heard = bytearray()  # the latest text, to tell what is at the other end
        self._threads: list[threading.Thread] = []
        self._topics: list[tuple[str, str, Callable[[Call, list[Reading]], None], list[Call]]] = []
        self.node.peers.append(self)  # type: ignore[arg-type]

    # Connecting

    def _open(self, address: str, timeout_s: float) -> Any:
        scheme, where, options = split(normalise(address))
        return load(scheme).open_link(scheme, where, options, timeout_s)

    def _attach(self, link: Any) -> Driver:
        """Greets on an open link; the lock is held."""
        driver = Driver(self.node, link, lambda why: self._on_lost(driver, why))
        link.on_text = self._on_text
        Dialer(self.node.endpoint, driver.port, self.session, self, self.node.now_ms())
        driver.drain()
        return driver

    def connect(self, timeout_s: float, start: bool) -> None:
        """Opens the link and greets, until the node answers."""
        end_ms = self.node.now_ms() + int(timeout_s * 1000)
        link = self._open(self.address, timeout_s)
        if start:
            if not hasattr(link, "restart"):
                raise UsageError(f"start=True works over USB only, not on {self.address}")
            link.restart()
        with self._host.lock:
            self._driver = self._attach(link)
        diagnose_ms = self.node.now_ms() + _DIAGNOSE_MS
        while not self._settled():
            now_ms = self.node.now_ms()
            if now_ms >= end_ms:
                break
            if self._driver is None:  # lost while greeting: the board may be starting
                self._closed.wait(TIMES["retry"] / 1000)
                link = self._open(self.address, timeout_s)
                with self._host.lock:
                    self._driver = self._attach(link)
                continue
            if now_ms >= diagnose_ms and hasattr(link, "diagnose"):
                diagnose_ms = _EVER
                found = self._diagnose(link)
                if found.final and not start:
                    raise CannotConnect(f"{self.address}: {found}")
                continue
            self._host.turn(min(end_ms, diagnose_ms))
        if self._failed is not None:
            raise self._failed
        if not (self.session.attach is not None):
            raise CannotConnect(self._reason(link, timeout_s))
        for target in (self._background, self._callbacks):
            name = f"picolink {self.name}" + " callbacks" * (target == self._callbacks)
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _settled(self) -> bool:
        return (self.session.attach is not None) or self._failed is not None

    def _diagnose(self, link: Any) -> Any:
        def wait(milliseconds: int) -> bytes:
            heard = len(self._heard)
            end_ms = self.node.now_ms() + milliseconds
            while self.node.now_ms() < end_ms and not self._settled():
                self._host.turn(end_ms)
            return bytes(self._heard[heard:])

        return link.diagnose(bytes(self._heard), wait)

    def _reason(self, link: Any, timeout_s: float) -> str:
        if hasattr(link, "diagnose") and self._driver is not None:
            return f"{self.address}: {self._diagnose(link)}"
        if self._driver is None:
            return f"{self.address}: {self.why}"
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
            self._host.wake()

    def _reconnect(self) -> None:
        """Opens the link once more; our own thread does, outside the lock."""
        try:
            link = self._open(self.address, 5)
        except (PicolinkError, OSError) as error:
            self.why = str(error)
            self._retry_at_ms = self.node.now_ms() + self._retry_ms
            self._retry_ms = min(2 * self._retry_ms, TIMES["retry_max"])
            return
        with self._host.lock:
            if self._closed.is_set():
                link.close()
            else:
                self._driver = self._attach(link)

    def on_state(self, session: Session, why: str) -> None:
        """The session has changed; the lock is held."""
        if session is self.session and session.state == "dormant":
            self.why = why or self.why
            driver = self._driver
            if driver is not None and driver in self.node.drivers:
                Dialer(self.node.endpoint, driver.port, session, self, self.node.now_ms())

    def on_refused(self, session: Session, why: str) -> None:
        """The other side does not want us."""
        self._failed = Refused(f"{self.address} refused: {why}")

    def on_forgotten(self, session: Session) -> None:
        """The board was restarted: a new session begins, with the same subscriptions."""
        self.session = self.node.endpoint.new_session(os.urandom(8))
        driver = self._driver
        if driver is not None:
            now_ms = self.node.now_ms()
            Dialer(self.node.endpoint, driver.port, self.session, self, now_ms)
            self.session.step("dial", now_ms)
        for topic, how, take, calls in self._topics:
            calls[:] = [begin(self.node, self.session, topic, how, take)]

    def on_silence(self, session: Session) -> None:
        """Nobody answers hellos: the link is opened anew."""
        if self._driver is not None:
            self._driver.lost("nobody answers")

    def move(self, address: str, timeout_s: float = 10) -> None:
        """Goes on over another link: what is under way, either way, arrives over that one."""
        link = self._open(address, timeout_s)
        with self._host.lock:
            old, self._driver = self._driver, None
            driver = self._attach(link)
            self._driver = driver
            self.address = address

        def moved() -> bool:
            attach = self.session.attach
            return self._failed is not None or attach is not None and attach.port is driver.port

        self._wait(moved, self.node.now_ms() + int(timeout_s * 1000))
        with self._host.lock:
            if not moved():
                self._driver = old
                driver.lost("nobody answered")
                raise CannotConnect(f"no picolink node answered on {address} in {timeout_s:g} s")
            if self._failed is not None:
                raise self._failed
            if old is not None:
                old.lost("moved to another link")

    # Threads

    def _wait(self, ready: Callable[[], bool], deadline_ms: int) -> bool:
        """Waits until `ready()`; drives the link if no other thread does."""
        try:
            while not ready():
                now_ms = self.node.now_ms()
                if now_ms >= deadline_ms or self._closed.is_set():
                    return ready()
                if self._lead.acquire(blocking=False):
                    try:
                        self._wanted = False
                        while not ready() and not self._closed.is_set():
                            self._host.turn(deadline_ms)
                            if self._waiters:
                                self._notify()
                            if deadline_ms != _EVER and self.node.now_ms() >= deadline_ms:
                                break
                    finally:
                        self._lead.release()
                else:
                    waiter = threading.Lock()
                    waiter.acquire()
                    self._waiters.append(waiter)
                    self._wanted = True
                    self._host.wake()
                    if not ready():
                        waiter.acquire(timeout=min(0.2, (deadline_ms - now_ms) / 1000))
                    with contextlib.suppress(ValueError):
                        self._waiters.remove(waiter)
            return True
        finally:
            self._used_ms = self.node.now_ms()
            if self._waiters:
                self._notify()

    def _notify(self) -> None:
        """Lets the waiting threads look whether what they wait for is there."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.release()

    def _background(self) -> None:
        """Leads while nobody calls."""
        quiet_s = _QUIET_MS / 1000
        while not self._closed.is_set():
            now_ms = self.node.now_ms()
            if self._driver is None and now_ms >= self._retry_at_ms and self._failed is None:
                self._reconnect()
                continue
            idle = now_ms - self._used_ms >= _QUIET_MS and not self._waiters
            if not idle or not self._lead.acquire(blocking=False):
                self._closed.wait(quiet_s)
                continue
            try:
                while not self._wanted and not self._closed.is_set():
                    down = self._driver is None
                    if down and self.node.now_ms() >= self._retry_at_ms:
                        break
                    self._host.turn(self._retry_at_ms if down else _EVER)
                    if self._waiters:
                        self._notify()
            finally:
                self._wanted = False
                self._lead.release()
                self._notify()

    def _callbacks(self) -> None:
        """Runs callbacks and the peer's calls, one at a time."""
        while True:
            job = self._jobs.get()
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
            with self._host.lock:
                try:
                    if error is not None:
                        talk.fail(ref, error)
                    else:
                        talk.settle(command, ref, value)
                except PicolinkError as problem:
                    talk.fail(ref, problem)
                self._send()

        self._jobs.put(job)

    def _on_text(self, text: bytes) -> None:
        self._heard = (self._heard + text)[-4096:]
        lines = (self._text + text).split(b"\n")
        self._text = lines.pop()[-4096:]
        if self._on_log is not None:
            for line in lines:
                text_line = line.rstrip(b"\r").decode("utf-8", "replace")
                self._jobs.put(lambda line=text_line: self._on_log(line))  # type: ignore

    # What users call

    def _calls(self) -> Any:
        return self.session.data.caller()

    def _send(self) -> None:
        """Sends what was queued; the lock is held."""
        attach = self.session.attach
        if attach is not None:
            attach.port.drain()

    @property
    def name(self) -> str:
        """The node's own name."""
        return self.session.peer_name

    @property
    def uid(self) -> str:
        """The node's identity, in hexadecimal digits."""
        return self.session.peer_uid.hex()

    @property
    def connected(self) -> bool:
        """Whether there is a link to it at present."""
        return (self.session.attach is not None)

    def _start(
        self, command: str, args: tuple[Any, ...], named: dict[str, Any], timeout_s: float | None,
        items: Items | None = None,
    ) -> Call:  # fmt: skip
        if self._closed.is_set():
            raise LinkError(f"the connection to {self.address} was closed here")
        if self._failed is not None:
            raise self._failed
        timeout_ms = None if timeout_s is None else int(timeout_s * 1000)
        with self._host.lock:
            call: Call = self._calls().start(
                command, args, named, timeout_ms, self.node.now_ms(), items
            )
            if call.deadline_ms is not None:
                self._host.call_by(call.deadline_ms)
            self._send()
        return call

    def call(
        self, command: str, *args: Any, timeout_s: float | None = None, **named: Any
    ) -> Any:
        """Runs a command at the node and gives its result. Waits for the link if there is none.

        Raises NotDone or Unknown where it was not confirmed within `timeout_s` (10 by default;
        0: for ever), RemoteError where it raised there, Busy where too much is under way.
        """
        call = self._start(command, args, named, timeout_s)
        try:
            self._wait(lambda: call.done, _EVER)
        finally:
            if not call.done:
                with self._host.lock:
                    self._calls().cancel(call)
                    self._send()
        if not call.done:
            raise NotDone(f"{command}: the connection was closed here")
        return call.result()

    def read(self, name: str, timeout_s: float | None = None) -> Reading:
        """The present value of a reading."""
        item = self.call("sys.read", name, timeout_s=timeout_s)
        return reading(self.session, item, True, 0, 0, self.node.now_ms(), wall_s())

    def stream(self, command: str, *args: Any, **named: Any) -> Feed:
        """The items of a streaming command, one by one; none is missed."""
        feed = Feed(self)
        items = Items(64, lambda seq, values: feed._queue.extend(values))
        feed.call = self._start(command, args, named, 0, items)
        return feed

    def readings(
        self, name: str, count: int | None = None, seconds: float | None = None,
        queue: str = "all",
    ) -> Iterator[Reading]:  # fmt: skip
        """What is published under `name`, as it comes: `count` of them, or for `seconds`, or for
        ever. `queue`: "all" keeps 64 while we are slow, "latest" only the newest."""
        feed = self.subscribe(name, queue=queue)
        assert feed is not None
        if seconds is not None:
            feed.deadline_ms = self.node.now_ms() + int(seconds * 1000)
        try:
            while count is None or count > 0:
                try:
                    yield next(feed)
                except StopIteration:
                    return
                if count is not None:
                    count -= 1
        finally:
            feed.close()

    def subscribe(
        self, topic: str, callback: Callable[[Reading], object] | None = None,
        queue: str = "all",
    ) -> Feed:  # fmt: skip
        """What is published under `topic`: `callback` gets each reading, in the thread for
        callbacks; without one, iterate over what is returned. `close()` ends it."""
        feed = Feed(self)

        def hand(call: Call, batch: list[Reading]) -> None:
            def job() -> None:
                for item in batch:
                    callback(item)  # type: ignore[misc]
                with self._host.lock:
                    self._calls().grant(call, len(batch))
                    self._send()

            self._jobs.put(job)

        def take(call: Call, batch: list[Reading]) -> None:
            feed.call = call
            (hand if callback is not None else feed.take)(call, batch)

        with self._host.lock:
            feed.call = begin(self.node, self.session, topic, queue, take)
            self._topics.append((topic, queue, take, [feed.call]))
            self._send()
        return feed

    def publish(self, topic: str, value: Any) -> None:
        """Sends `value` to the node if it subscribed to `topic`."""
        with self._host.lock:
            self.node.publish(topic, value)
            self._send()

    def describe(self) -> dict[str, Any]:
        """What the node is and offers."""
        result: dict[str, Any] = self.call("sys.describe")
        return result

    def stats(self) -> dict[str, Any]:
        """What the node counts."""
        result: dict[str, Any] = self.call("sys.stats")
        return result

    def close(self) -> None:
        """Ends the session and closes the link."""
        if self._closed.is_set():
            return
        with self._host.lock:
            self._closed.set()
            self.node.endpoint.close(self.session, self.node.now_ms())
            driver, self._driver = self._driver, None
            if driver is not None:
                driver.drain()
                driver.lost("closed here")
        self._host.wake()
        self._notify()
        self._jobs.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(2)
        if not any(thread.is_alive() for thread in self._threads):
            self._host.close()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    address: str, *, timeout_s: float = 10, start: bool = False, node: Node | None = None,
    on_log: Callable[[str], object] | None = None,
) -> Board:  # fmt: skip
    """Connects to the node at `address` ("usb:auto", "tcp:192.168.1.5", ...).

    `start`: restart the board's main.py first (USB). `node`: a Node whose commands the other side
    may call. `on_log`: gets each line that the board prints, in the thread for callbacks.
    Raises BadAddress, CannotConnect or PortBusy with the reason in plain words.
    """
    board = Board(address, node, on_log)
    try:
        board.connect(timeout_s, start)
    except BaseException:
        board.close()
        raise
    return board


class Results(dict[str, Any]):
    """What many boards answered: address -> result, or the error it ended with."""

    @property
    def errors(self) -> dict[str, PicolinkError]:
        """Only those that failed."""
        return {a: v for a, v in self.items() if isinstance(v, PicolinkError)}


class Boards:
    """Many boards as one: each method gives a result or an error for each."""

    def __init__(self, boards: dict[str, Board | PicolinkError]) -> None:
        self.boards = {a: b for a, b in boards.items() if isinstance(b, Board)}
        self.errors = {a: b for a, b in boards.items() if isinstance(b, PicolinkError)}

    def _each(self, what: Callable[[Board], Any]) -> Results:
        def one(board: Board) -> Any:
            try:
                return what(board)
            except PicolinkError as error:
                return error

        results = Results(self.errors)
        if self.boards:
            with ThreadPoolExecutor(len(self.boards)) as pool:
                results.update(zip(self.boards, pool.map(one, self.boards.values())))
        return results

    def call(self, command: str, *args: Any, **named: Any) -> Results:
        """Runs a command at all of them at once."""
        return self._each(lambda board: board.call(command, *args, **named))

    def read(self, name: str) -> Results:
        """The present value of a reading of each."""
        return self._each(lambda board: board.read(name))

    def close(self) -> None:
        """Closes all connections."""
        self._each(Board.close)

    def __iter__(self) -> Iterator[Board]:
        return iter(self.boards.values())

    def __len__(self) -> int:
        return len(self.boards)

    def __enter__(self) -> Boards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect_all(addresses: Iterable[str], *, timeout_s: float = 10) -> Boards:
    """Connects to many nodes at once. Those that can't be reached stand in `errors`."""

    def one(address: str) -> Board | PicolinkError:
        try:
            return connect(address, timeout_s=timeout_s)
        except PicolinkError as error:
            return error

    addresses = list(addresses)
    with ThreadPoolExecutor(max(1, len(addresses))) as pool:
        return Boards(dict(zip(addresses, pool.map(one, addresses))))
