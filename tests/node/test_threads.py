"""Blocking programs: threads, signals, forks, callbacks that raise, deadlines whoever leads."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from both import SEED, count
from served_node import Served, fixtures, served, until

import picolink
from picolink.core.errors import LinkError, NotDone, PicolinkError, Unknown, UsageError
from picolink.links.host.forks import _holders
from picolink.node.clock import now_ms
from picolink.node.host import signals
from picolink.node.host.callbacks import Callbacks
from picolink.node.host.lead import EVER, Lead
from picolink.node.host.loop_thread import Host
from picolink.node.host.threaded_client import ThreadedClient
from picolink.node.node import Node

CPYTHON_ONLY = "threads and signals of a host"


def declare(node: Node) -> None:
    @node.command
    def echo(*args: Any, **named: Any) -> Any:
        return [list(args), named]

    @node.command
    async def slow(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "slow"

    @node.command
    async def never() -> None:
        await asyncio.Event().wait()

    @node.stream
    async def numbers() -> Any:
        yield 0
        await asyncio.Event().wait()


serving, board = fixtures(declare)


def test_publish_of_an_idle_program_arrives_at_once(serving: Served) -> None:
    came: list[float] = []

    @serving.node.subscribe("door")
    def door(reading: Any) -> None:
        came.append(time.monotonic())

    with picolink.connect(serving.at) as board:
        until(lambda: board.node.topics.get("door"))
        both = (board.publish, 0.02, 1), (board.node.publish, 0.02, 1)
        # After longer no acknowledgement is due either, which would wake it.
        for publish, idle_s, within_s in both * 10 + ((board.node.publish, 0.3, 0.5),) * 3:
            time.sleep(idle_s)  # idle: its own thread polls
            sent = time.monotonic()
            seen = len(came)
            publish("door", 1)
            until(lambda seen=seen: len(came) > seen)
            assert came[-1] - sent < within_s  # the next keepalive is 5 s away


def test_a_late_answer_arrives_at_once(board: picolink.Board) -> None:
    for _ in range(3):
        sent = time.monotonic()
        assert board.call("slow", 0.3) == "slow"
        assert time.monotonic() - sent < 2  # the next keepalive is 5 s away


def test_a_call_in_a_signal_handler_returns(board: picolink.Board) -> None:
    answers: list[Any] = []

    def handler(number: int, frame: Any) -> None:
        answers.append(board.call("echo", len(answers)))

    old = signal.signal(signal.SIGUSR1, handler)
    try:
        timer = threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        timer.start()
        assert board.call("slow", 0.3) == "slow"
        assert answers == [[[0], {}]]
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_a_time_out_in_a_signal_handler_holds(board: picolink.Board) -> None:
    ended: list[float] = []

    def handler(number: int, frame: Any) -> None:
        began = time.monotonic()
        with pytest.raises(Unknown):
            board.call("never", timeout_s=0.1)
        ended.append(time.monotonic() - began)

    old = signal.signal(signal.SIGUSR1, handler)
    try:
        timer = threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        timer.start()
        assert board.call("slow", 0.5) == "slow"
        assert len(ended) == 1 and 0.05 < ended[0] < 2
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_a_deadline_holds_while_the_leader_is_held_up(board: picolink.Board) -> None:
    """The main thread leads, and a handler keeps it from polling."""
    held = threading.Event()
    go_on = threading.Event()

    def handler(number: int, frame: Any) -> None:
        held.set()
        go_on.wait(10)

    outcome: list[Any] = []

    def other() -> None:
        held.wait(5)
        began = time.monotonic()
        try:
            outcome.append(board.call("echo", 1, timeout_s=5))
            with pytest.raises(Unknown):
                board.call("never", timeout_s=0.2)
        finally:
            outcome.append(time.monotonic() - began)
            go_on.set()

    old = signal.signal(signal.SIGUSR1, handler)
    try:
        thread = threading.Thread(target=other)
        thread.start()
        threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        assert board.call("slow", 0.2) == "slow"
        thread.join(10)
        assert outcome[0] == [[1], {}] and outcome[1] < 3
    finally:
        go_on.set()
        signal.signal(signal.SIGUSR1, old)


# What a handler raises in a destructor Python drops, and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGALRM], ids=["ctrl-c", "alarm"])
def test_signals_under_load_leave_the_session_whole(
    board: picolink.Board, number: signal.Signals
) -> None:
    """Handlers that raise, at any place of a call: the next call is answered, threads go on."""
    print(f"replay with PICOLINK_SEED={SEED}")
    rng = random.Random(SEED)
    raised = 0
    stop = threading.Event()
    others: list[Any] = []

    def work() -> None:
        while not stop.is_set():
            others.append(board.call("echo", "other", timeout_s=5))

    def handler(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(number, handler if number != signal.SIGINT else signal.default_int_handler)
    thread = threading.Thread(target=work)
    thread.start()

    ready = threading.Event()  # one at a time: two would hit what counts the first
    gone = threading.Event()

    def shoot() -> None:
        for _ in range(count(4000, 200)):
            ready.wait(10)
            ready.clear()
            if stop.wait(rng.uniform(0.0005, 0.006)):
                break
            os.kill(os.getpid(), number)
        gone.set()

    shooter = threading.Thread(target=shoot)
    shooter.start()
    try:
        n = 0
        while True:
            try:
                while not gone.is_set():
                    ready.set()
                    n += 1
                    assert board.call("echo", n, timeout_s=5) == [[n], {}]
                until(lambda: not signals._coming)
                break
            except KeyboardInterrupt:
                raised += 1
    finally:
        stop.set()
        shooter.join(10)
        thread.join(10)
        signal.signal(number, old)
    assert raised > 20
    assert not thread.is_alive() and others[-1] == [["other"], {}]
    for i in range(10):
        assert board.call("echo", i, timeout_s=5) == [[i], {}]
    assert board._client.lead.leader in (0, board._client._thread.ident)


def test_closing_from_another_thread_ends_iterators(serving: Served) -> None:
    board = picolink.connect(serving.at)
    ended = threading.Event()
    errors: list[BaseException] = []

    def iterate() -> None:
        try:
            for _ in board.readings("nothing"):
                pass
        except BaseException as error:
            errors.append(error)
        ended.set()

    thread = threading.Thread(target=iterate)
    thread.start()
    until(lambda: serving.do(lambda: bool(serving.node.topics.get("nothing"))))
    board.close()
    assert ended.wait(5) and not errors
    with pytest.raises(LinkError, match="closed here"):
        board.call("echo")


def test_a_call_that_is_cut_off_by_close_is_unknown(serving: Served) -> None:
    board = picolink.connect(serving.at)
    outcome: list[BaseException] = []

    def call() -> None:
        try:
            board.call("never", timeout_s=30)
        except PicolinkError as error:
            outcome.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: serving.do(lambda: any(s.data.running for s in sessions(serving))))
    board.close()
    thread.join(5)
    assert isinstance(outcome[0], Unknown)


def test_a_stream_that_is_cut_off_by_close_is_unknown(serving: Served) -> None:
    board = picolink.connect(serving.at)
    numbers = board.stream("numbers")
    assert next(numbers) == 0
    board.close()
    with pytest.raises(Unknown, match="may be done"):
        list(numbers)


def sessions(serving: Served) -> list[Any]:
    return list(serving.node.endpoint.sessions.values())


def test_callbacks_that_raise_miss_nothing(serving: Served) -> None:
    got: list[int] = []
    errors: list[BaseException] = []
    raised = [KeyError, SystemExit, KeyboardInterrupt, asyncio.CancelledError]

    def callback(reading: Any) -> None:
        got.append(reading.value)
        assert not reading.missed
        raise raised[reading.value % 4]

    n = 6000  # more than a subscription has credit for
    with picolink.connect(serving.at, on_error=errors.append) as board:
        board.subscribe("count", callback)
        until(lambda: serving.do(lambda: bool(serving.node.topics.get("count"))))
        for i in range(n):
            serving.do(lambda i=i: serving.node.publish("count", i))
            if i % 50 == 49:
                until(lambda i=i: len(got) > i - 50)
        until(lambda: len(got) == n)
        until(lambda: len(errors) == n)
    assert got == list(range(n))


def test_an_async_callback_is_awaited(serving: Served) -> None:
    got: list[Any] = []

    async def callback(reading: Any) -> None:
        await asyncio.sleep(0)
        got.append(reading.value)
        raise KeyError("it may raise too")

    with picolink.connect(serving.at) as board:
        board.subscribe("count", callback)
        until(lambda: serving.do(lambda: bool(serving.node.topics.get("count"))))
        for i in range(10):
            serving.do(lambda i=i: serving.node.publish("count", i))
        until(lambda: len(got) == 10)
    assert got == list(range(10))


def test_async_functions_of_a_node_given_to_connect_run(serving: Served) -> None:
    node = Node("laptop", uid=b"laptop" + os.urandom(4))
    got: list[Any] = []

    @node.command
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    @node.reading("level", every_s=0.01)
    async def level() -> int:
        await asyncio.sleep(0)
        return 7

    @node.subscribe("door")
    async def door(reading: Any) -> None:
        await asyncio.sleep(0)
        got.append(reading.value)

    @node.stream
    async def numbers() -> Any:
        for i in range(50):
            yield i

    @node.stream
    def letters() -> Any:
        yield from "abc"

    with picolink.connect(serving.at, node=node):

        async def ask() -> list[Any]:
            peer = serving.node.peer("laptop")
            await peer.ready(5)
            stream = await peer.stream("numbers")
            return [
                await peer.call("double", 21), (await peer.read("level")).value,
                [item async for item in stream],
                [item async for item in await peer.stream("letters")],
            ]  # fmt: skip

        told = asyncio.run_coroutine_threadsafe(ask(), serving.loop).result(10)
        assert told == [42, 7, list(range(50)), ["a", "b", "c"]]
        until(lambda: serving.do(lambda: bool(serving.node.topics.get("door"))))
        serving.do(lambda: serving.node.publish("door", "open"))
        until(lambda: got == ["open"])


def test_a_subscriber_of_the_program_s_node_holds_nothing_up(serving: Served) -> None:
    node = Node("laptop", uid=b"laptop" + os.urandom(4))
    free = threading.Event()
    got: list[Any] = []

    @node.subscribe("door")
    def door(reading: Any) -> None:
        got.append(reading.value)
        got.append(free.wait(10))

    with picolink.connect(serving.at, node=node) as board:
        until(lambda: serving.do(lambda: bool(serving.node.topics.get("door"))))
        serving.do(lambda: serving.node.publish("door", "open"))
        until(lambda: got == ["open"])
        try:
            assert board.call("echo", 1, timeout_s=5) == [[1], {}]
        finally:
            free.set()
        until(lambda: got == ["open", True])


class Polled:
    """Stands for a connection's host: what another thread does comes as the lock is taken."""

    turns = 0

    def __init__(self) -> None:
        self.lock = self
        self.meanwhile: list[Callable[[], object]] = []
        self.done: list[str] = []

    def __enter__(self) -> None:
        while self.meanwhile:
            self.meanwhile.pop()()

    def __exit__(self, *_: object) -> None:
        pass

    def turn(self, until_ms: int) -> None:
        self.done.append("turn")
        raise AssertionError("it polls, and nothing comes")

    def wake(self) -> None:
        self.done.append("wake")


def test_what_came_before_a_thread_leads_is_not_waited_for() -> None:
    host = Polled()
    lead = Lead(host, lambda: 0, threading.Event())  # type: ignore[arg-type]
    came: list[int] = []
    host.meanwhile.append(lambda: came.append(1))
    assert lead.wait(lambda: bool(came), EVER)
    assert not host.done and not lead.leader


def test_who_ends_to_lead_as_another_begins_to_follow() -> None:
    host = Polled()
    lead = Lead(host, lambda: 0, threading.Event())  # type: ignore[arg-type]
    lead.leader = 1

    class Waiters(list[Any]):
        def append(self, waiter: Any) -> None:
            lead.leader = 0  # and sees that nobody waits
            super().append(waiter)

    lead._waiters = Waiters()
    assert lead._follow(lambda: False, 0, EVER)
    assert not host.done and not lead._waiters


def test_who_follows_polls_itself_where_what_is_due_is_not_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call's time-out, while the leader is held up for less than is waited for him else."""
    host = Polled()
    now_ms = 0
    came: list[int] = []
    lead = Lead(host, lambda: now_ms, threading.Event())  # type: ignore[arg-type]
    lead.leader = 1

    def follow(ready: Callable[[], bool], from_ms: int, end_ms: int) -> bool:
        nonlocal now_ms
        assert (from_ms, end_ms) == (0, 50)  # 20 more, for a leader that is only late
        now_ms = end_ms
        return True

    monkeypatch.setattr(lead, "_follow", follow)
    monkeypatch.setattr(host, "turn", came.append)
    assert lead.wait(lambda: bool(came), EVER, 30)
    assert came == [EVER] and lead.leader == 1


def test_a_program_s_node_describes_itself(serving: Served) -> None:
    node = Node("laptop", uid=b"laptop" + os.urandom(4))

    @node.command
    def double(n: int) -> int:
        return 2 * n

    async def ask() -> Any:
        peer = serving.node.peer("laptop")
        await peer.ready(5)
        return await peer.call("sys.describe", timeout_s=5)

    with picolink.connect(serving.at, node=node):
        told = asyncio.run_coroutine_threadsafe(ask(), serving.loop).result(10)
    assert "double" in told["commands"] and not told["not_open"]


def test_a_node_serves_one_connection(serving: Served) -> None:
    node = Node("laptop", uid=b"laptop" + os.urandom(4))
    with picolink.connect(serving.at, node=node):
        with pytest.raises(UsageError, match="give each its own"):
            picolink.connect(serving.at, node=node)
    with picolink.connect(serving.at, node=node) as board:
        assert board.call("echo") == [[], {}]


def test_arguments_of_any_name(board: picolink.Board) -> None:
    assert board.call("echo", 1, command=2, self=3) == [[1], {"command": 2, "self": 3}]
    named = {"timeout_s": 5, "command": 1, "named": 2, "args": 3}
    assert board.call_with("echo", [1], named) == [[1], named]


@pytest.mark.parametrize("wrong", [(5,), ("abc",), ([], [1])], ids=str)
def test_arguments_that_are_no_list_or_map_are_told(board: picolink.Board, wrong: Any) -> None:
    with pytest.raises(UsageError, match="a (list|map) of"):
        board.call_with("echo", *wrong)


@pytest.mark.parametrize("timeout_s", [0, 0.5, 7 * 86400, 400 * 86400, 1e300, float("inf")])
def test_time_outs_of_any_length(board: picolink.Board, timeout_s: float) -> None:
    assert board.call("echo", timeout_s=timeout_s) == [[], {}]


@pytest.mark.parametrize("timeout_s", [-1, float("nan"), "5"])
def test_a_time_out_that_is_none_is_told(board: picolink.Board, timeout_s: Any) -> None:
    with pytest.raises(UsageError, match="timeout_s"):
        board.call("echo", timeout_s=timeout_s)


def test_a_very_short_time_out_is_one(board: picolink.Board) -> None:
    with pytest.raises((Unknown, NotDone)):
        board.call("never", timeout_s=0.0001)


def test_streams_and_subscriptions_that_nobody_has_end(serving: Served) -> None:
    @serving.node.stream
    def numbers() -> Any:
        yield from range(100_000)

    with picolink.connect(serving.at) as board:
        for _ in range(40):  # more than a session may have
            for item in board.stream("numbers"):
                assert item == 0
                break
            board.subscribe("nothing")
        board.call("echo")

    async def aio() -> None:
        async with picolink.aio.connect(serving.at) as board:
            for _ in range(40):
                async for item in await board.stream("numbers"):
                    assert item == 0
                    break
                await board.subscribe("nothing")
                await board.call("echo")

    asyncio.run(aio())


def test_a_subscription_that_is_refused_is_told(serving: Served) -> None:
    errors: list[BaseException] = []
    with picolink.connect(serving.at, on_error=errors.append) as board:
        for _ in range(33):
            board.subscribe("something", lambda reading: None)
        until(lambda: errors)
        assert "32 streams and subscriptions" in str(errors[0])
        for topic in ("", 5):
            with pytest.raises(UsageError, match="topic"):
                board.subscribe(topic)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="callback"):
            board.subscribe("x", 5)  # type: ignore[arg-type]


@contextmanager
def alarms_raise(error: type[BaseException]) -> Iterator[None]:
    """What alarms raise. CPython drops it where one hits a weakref's callback, and says so."""

    def handler(number: int, frame: Any) -> None:
        raise error

    def unraisable(said: Any) -> None:
        if said.exc_type is not error:
            told(said)

    told = sys.unraisablehook
    old = signal.signal(signal.SIGALRM, handler)
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = told
        signal.signal(signal.SIGALRM, old)


def test_an_alarm_comes_where_it_was_set(board: picolink.Board) -> None:
    """The usual time-out: a handler that raises, and nothing outside of its `try` is hit."""
    rng = random.Random(SEED)
    raised = 0

    class Alarm(Exception):
        pass

    with alarms_raise(Alarm):
        for i in range(count(20_000, 1500)):
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.00003, 0.0004))
                    board.call("echo", i, timeout_s=5)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Alarm:
                raised += 1
    assert raised > 30
    assert board.call("echo", 1, timeout_s=5) == [[1], {}]


def publish_often(serving: Served, stop: threading.Event) -> None:
    """Publishes the time, often."""
    while not stop.wait(0.002):
        serving.do(lambda: serving.node.publish("clock", time.monotonic()))


@pytest.fixture
def clock(serving: Served) -> Iterator[None]:
    """The time, published often."""
    stop = threading.Event()
    thread = threading.Thread(target=publish_often, args=(serving, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.parametrize("queue", ["all", "latest"])
def test_readings_for_a_while_end_for_a_slow_consumer(
    board: picolink.Board, clock: None, queue: str
) -> None:
    came = []
    for reading in board.readings("clock", seconds=0.3, queue=queue):
        came.append(reading)
        assert len(came) < 20
        time.sleep(0.05)  # it takes its time
    assert len(came) > 1


async def test_readings_for_a_while_end_for_a_slow_task(serving: Served, clock: None) -> None:
    async with picolink.aio.connect(serving.at) as board:
        came = []
        async for reading in board.readings("clock", seconds=0.3):
            came.append(reading)
            assert len(came) < 20
            time.sleep(0.05)  # noqa: ASYNC251  # it takes its time, also the loop's
        assert len(came) > 1


def test_the_latest_is_new_when_it_is_wanted(board: picolink.Board, clock: None) -> None:
    feed = board.subscribe("clock", queue="latest")
    next(feed)
    for _ in range(5):
        time.sleep(0.2)  # it takes its time
        wanted = time.monotonic()
        assert next(feed).value > wanted - 0.1
    feed.close()


async def test_the_latest_is_new_for_a_task(serving: Served, clock: None) -> None:
    async with picolink.aio.connect(serving.at) as board:
        feed = await board.subscribe("clock", queue="latest")
        await anext(feed)
        for _ in range(5):
            await asyncio.sleep(0.2)
            wanted = time.monotonic()
            assert (await anext(feed)).value > wanted - 0.1


@pytest.mark.parametrize("wrong", [{"seconds": float("nan")}, {"seconds": "1"}, {"count": "1"}])
def test_readings_refuse_what_is_no_limit(board: picolink.Board, wrong: Any) -> None:
    with pytest.raises(UsageError):
        next(board.readings("x", **wrong))


def test_an_exception_of_a_class_without_a_name_is_answered() -> None:
    class Nameless(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]
            raise KeyError("no name")

    class Odd(Exception, metaclass=Nameless):
        pass

    def odd_one(node: Node) -> None:
        declare(node)

        @node.command
        def odd() -> None:
            raise Odd("odd")

    with served(odd_one) as serving, picolink.connect(serving.at) as board:
        for _ in range(20):
            with pytest.raises(PicolinkError, match="odd"):
                board.call("odd", timeout_s=5)
        assert board.call("echo", 1) == [[1], {}]


@pytest.mark.parametrize("which", [0, 1])
def test_a_thread_that_can_not_start_is_told_as_it_is(
    serving: Served, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    started = []
    start = threading.Thread.start

    def fails(thread: threading.Thread) -> None:
        if thread.name.startswith("picolink"):
            started.append(thread.name)
            if len(started) > which:
                raise RuntimeError("can't start new thread")
        start(thread)

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(threading.Thread, "start", fails)
    with pytest.raises(RuntimeError, match="new thread"):
        picolink.connect(serving.at)
    monkeypatch.undo()
    assert len(started) == which + 1
    until(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_ctrl_c_while_it_connects_leaves_nothing(serving: Served) -> None:
    """At any moment; what was made is let go of, and it is a KeyboardInterrupt."""
    rng = random.Random(SEED)
    picolink.connect(serving.at).close()
    before = len(os.listdir("/proc/self/fd"))
    raised = 0
    with alarms_raise(KeyboardInterrupt):
        for _ in range(count(2000, 150)):
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0002, 0.003))
                    with picolink.connect(serving.at) as board:
                        board.call("echo", 1)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                raised += 1
    assert raised > 20

    # One that came after `connect` and before `with` leaves a connection, which works.
    left = [
        holder for holder in list(_holders)
        if isinstance(holder, ThreadedClient) and not holder.closed.is_set() and holder._thread
    ]  # fmt: skip
    assert len(left) <= 3
    for line in left:
        line.close()

    def nothing_left() -> bool:
        gc.collect()
        mine = [t for t in threading.enumerate() if t.name.startswith("picolink")]
        return not mine and len(os.listdir("/proc/self/fd")) <= before

    until(nothing_left, 10)


def test_our_own_thread_tells_who_began_to_follow_that_it_leads_no_more() -> None:
    """Else the first call after a pause takes 0.2 s or more."""
    lead = Lead(Polled(), lambda: 1000, threading.Event())  # type: ignore[arg-type]
    waiter = threading.Lock()
    waiter.acquire()

    def until_ms() -> int:
        lead._waiters.append(waiter)  # after it has looked last
        return 0

    lead.while_idle(until_ms)
    assert not lead.leader and not lead._waiters
    assert waiter.acquire(blocking=False)


def test_who_writes_to_a_slow_port_goes_on_though_something_else_was_due_before() -> None:
    class Slow(int):
        def later_ms(self) -> int:
            return 60

    host = Host(lambda: None)
    came: list[int] = []
    try:
        host.on_writable(Slow(0), lambda: came.append(1))
        host.due_ms = now_ms()
        host.turn(now_ms() + 1000)
        assert not came
        host.turn(now_ms() + 1000)
        assert came
    finally:
        host.close()


def test_what_a_function_run_aside_has_queued_is_sent_under_the_lock() -> None:
    lock = signals.Lock()
    held: list[bool] = []

    def note(*_: Any) -> None:
        held.append(lock._is_owned())

    callbacks = Callbacks(Node("aside"), lock, note)
    callbacks.aside(lambda: None, (), {}, note, None, True)
    callbacks.end()
    assert callbacks.join()  # it never began: it runs here
    assert held == [True, True]


def test_a_link_that_is_opened_while_a_thread_polls_is_heard_at_once() -> None:
    host = Host(lambda: None)
    read, write = os.pipe()
    came = threading.Event()

    def poll() -> None:
        end_ms = now_ms() + 4000
        while not came.is_set() and now_ms() < end_ms:
            host.turn(end_ms)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        until(lambda: host._polling)
        os.write(write, b"x")
        host.readers[read] = came.set
        host.want(read, select.POLLIN)
        assert came.wait(2)
    finally:
        thread.join()
        host.close()
        os.close(read)
        os.close(write)


def test_what_a_thread_polls_is_closed_once_it_polls_no_more() -> None:
    """Else the number may be another file's by then."""
    host = Host(lambda: None)
    with host.lock:
        host._polling += 1
        mine = host._poller()
    host.close()
    assert os.fstat(host._wake_in)
    with host.lock:
        host._left(mine)
    assert host._wake_in < 0
