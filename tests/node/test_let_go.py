"""Signals wait for locks, and nothing stays behind on a host: no link, file, thread, handler or
subscription that nobody has any more; no deadline is put off."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from served_node import Served, fixtures, handled, served, until

import picolink
from picolink.core.errors import NotDone, UnknownCommand
from picolink.node import services
from picolink.node.host import group as many
from picolink.node.host import signals
from picolink.node.host.loop_asyncio import Host
from picolink.node.host.loop_thread import Host as ThreadHost
from picolink.node.node import Node

CPYTHON_ONLY = "threads and signals of a host"


def declare(node: Node) -> None:
    @node.command
    def echo(*args: Any) -> list[Any]:
        return list(args)

    @node.command
    async def never() -> None:
        await asyncio.Event().wait()


serving, board = fixtures(declare)


# Signals


def test_a_handler_that_raises_loses_no_other_signal(board: picolink.Board) -> None:
    came: list[str] = []

    def raises(*_: Any) -> None:
        came.append("one")
        raise KeyError("alarm")

    def notes(*_: Any) -> None:
        came.append("two")

    with handled(signal.SIGUSR1, raises), handled(signal.SIGUSR2, notes):
        board.call("echo")
        with pytest.raises(KeyError, match="alarm"):
            with board._client.host.lock:
                signal.raise_signal(signal.SIGUSR1)
                signal.raise_signal(signal.SIGUSR2)
                assert not came
        board.call("echo")
        assert came == ["one", "two"]


def test_a_handler_waits_for_the_outermost_lock(board: picolink.Board) -> None:
    came: list[int] = []
    with handled(signal.SIGUSR1, lambda number, frame: came.append(number)):
        board.call("echo")
        lock = board._client.host.lock
        with lock:
            with lock:
                signal.raise_signal(signal.SIGUSR1)
            assert not came
        assert came == [signal.SIGUSR1]


def test_a_handler_that_waited_runs_in_the_main_thread(serving: Served) -> None:
    """Whoever else leaves a lock meanwhile: what it raises is for the program."""
    came: list[int] = []
    with (
        handled(signal.SIGUSR1, lambda *_: came.append(threading.get_ident())),
        picolink.connect(serving.at) as one, picolink.connect(serving.at) as other,
    ):  # fmt: skip
        other.call("echo")

        def leaves() -> None:
            with other._client.host.lock:
                pass

        with one._client.host.lock:
            signal.raise_signal(signal.SIGUSR1)
            thread = threading.Thread(target=leaves)
            thread.start()
            thread.join()
            assert not came
        assert came == [threading.get_ident()]


def test_after_the_last_close_handlers_are_the_programs_own(serving: Served) -> None:
    def handler(*_: Any) -> None:
        pass

    def others() -> list[Any]:  # of tests before: prevented by a Ctrl-C, or closed just now
        gc.collect()
        return [lock for each in signals._locks if (lock := each()) is not None]

    until(lambda: not others())
    with handled(signal.SIGUSR1, handler):
        with picolink.connect(serving.at), picolink.connect(serving.at) as board:
            assert signal.getsignal(signal.SIGUSR1) is not handler
            board.close()
            assert signal.getsignal(signal.SIGUSR1) is not handler
        assert signal.getsignal(signal.SIGUSR1) is handler


def test_a_ctrl_c_while_it_polls_leaves_no_file_open(serving: Served) -> None:
    before = len(os.listdir("/dev/fd"))
    board = picolink.connect(serving.at)
    line = board._client
    main = threading.get_ident()

    def waits() -> bool:
        begun = serving.do(lambda: any(s.data.running for s in sessions.values()))
        return bool(begun and line.lead.leader == main and line.host._polling)

    def press() -> None:
        until(waits)
        signal.pthread_kill(main, signal.SIGUSR1)

    def ctrl_c(*_: Any) -> None:
        raise KeyboardInterrupt

    sessions = serving.node.endpoint.sessions
    presser = threading.Thread(target=press)
    with handled(signal.SIGUSR1, ctrl_c):
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            board.call("never", timeout_s=20)
        presser.join()
        board.close()
    until(lambda: len(os.listdir("/dev/fd")) <= before)


def test_on_log_may_exit(serving: Served) -> None:
    errors: list[BaseException] = []
    lines: list[str] = []

    def on_log(line: str) -> None:
        lines.append(line)
        raise SystemExit(1)

    with picolink.connect(serving.at, on_log=on_log, on_error=errors.append) as board:
        board._client.on_text(b"one\ntwo\n")
        until(lambda: len(errors) == 2)
    assert lines == ["one", "two"]


def test_a_ctrl_c_while_something_is_let_go_of_is_not_lost(board: picolink.Board) -> None:
    class Dropped:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)  # as it comes in one of ours

    with handled(signal.SIGINT, signal.default_int_handler):
        board.call("echo")
        with pytest.raises(KeyboardInterrupt):
            Dropped()
            threading.Event().wait(5)


# Deadlines


def test_a_deadline_is_that_of_the_first_try() -> None:
    with served(declare) as serving:
        board = picolink.connect(serving.at)
    line = board._client
    until(lambda: not board.connected)
    done = threading.Event()

    def restart() -> None:
        for _ in range(8):
            if done.wait(0.4):
                return
            with line.host.lock:  # as where the node was restarted
                old = line.session
                line.node.endpoint.close(old, line.node.now_ms())
                line.on_forgotten(old)
            line.host.wake()
            line.lead.notify()

    thread = threading.Thread(target=restart)
    thread.start()
    began = time.monotonic()
    with pytest.raises(NotDone):
        board.call("echo", timeout_s=1)
    took_s = time.monotonic() - began
    done.set()
    thread.join()
    board.close()
    assert took_s < 3  # each try by itself: more than 4


def test_the_hint_for_an_unknown_command_keeps_the_deadline(
    board: picolink.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "find", lambda name: lambda talk, ref: None)  # no answer
    began = time.monotonic()
    with pytest.raises(UnknownCommand):
        board.call("nothing", timeout_s=0.3)
    assert time.monotonic() - began < 1.5


# What is let go of


def test_a_subscription_that_a_new_session_has_already_is_not_made_twice(
    serving: Served, board: picolink.Board
) -> None:
    def queues() -> int:
        return int(serving.do(lambda: len(serving.node.topics.get("door", ()))))

    feed = board.subscribe("door", lambda reading: None)
    until(lambda: queues() == 1)
    with board._client.host.lock:
        feed._intake.again()  # the second try was due only now
    board.call("echo")
    assert queues() == 1


def test_a_closed_subscription_is_not_begun_in_a_new_session(
    serving: Served, board: picolink.Board
) -> None:
    def wanted() -> bool:
        return bool(serving.do(lambda: serving.node.topics.get("door")))

    feed = board.subscribe("door")
    until(wanted)
    feed.close()
    until(lambda: not wanted())
    line = board._client
    with line.host.lock:  # as where the node was restarted
        old = line.session
        line.node.endpoint.close(old, line.node.now_ms())
        line.on_forgotten(old)
    line.host.wake()
    board.call("echo")
    assert not wanted()


def test_a_callback_that_was_ended_gets_no_more(serving: Served, board: picolink.Board) -> None:
    got: list[int] = []
    first, go = threading.Event(), threading.Event()

    def slow(reading: Any) -> None:
        got.append(reading.value)
        first.set()
        go.wait(10)

    feed = board.subscribe("door", slow)
    plain = board.subscribe("door")
    until(lambda: serving.do(lambda: len(serving.node.topics.get("door", ())) == 2))
    serving.do(lambda: [serving.node.publish("door", n) for n in range(20)])
    assert next(plain).value == 0 and first.wait(5)
    until(lambda: len(plain._intake.queue) + len(plain._taken) == 19)
    feed.close()
    plain.close()
    go.set()
    board.call("echo")
    last = threading.Event()
    board._client.callbacks.put(last.set)
    assert last.wait(5)
    assert got == [0] and list(plain) == []


async def test_a_subscription_that_was_ended_gives_nothing_more(serving: Served) -> None:
    async with picolink.aio.connect(serving.at) as board:
        subscription = await board.subscribe("door")
        await board.call("echo")
        serving.do(lambda: [serving.node.publish("door", n) for n in range(20)])
        assert (await anext(subscription)).value == 0
        await board.call("echo")
        subscription.close()
        assert [item async for item in subscription] == []


def test_a_ctrl_c_as_it_subscribes_leaves_no_subscription(
    serving: Served, board: picolink.Board
) -> None:
    def ctrl_c(*_: Any) -> None:
        raise KeyboardInterrupt

    line = board._client
    send = line.send

    def pressed() -> None:
        line.send = send  # type: ignore[method-assign]
        send()
        signal.raise_signal(signal.SIGUSR1)

    with handled(signal.SIGUSR1, ctrl_c):
        board.call("echo")
        line.send = pressed  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            board.subscribe("door", print)
    board.call("echo")
    assert not line.kept and not serving.do(lambda: serving.node.topics.get("door"))


def test_a_ctrl_c_while_many_connect_leaves_none(
    serving: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[picolink.Board] = []
    pressed, go = threading.Event(), threading.Event()
    main = threading.get_ident()

    def connect(address: str, timeout_s: float) -> picolink.Board:
        if not pressed.is_set():
            pressed.set()
            signal.pthread_kill(main, signal.SIGUSR1)
        go.wait(5)
        made.append(picolink.connect(address))
        return made[-1]

    def ctrl_c(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(many, "connect", connect)
    with served(declare) as other:
        with handled(signal.SIGUSR1, ctrl_c), pytest.raises(KeyboardInterrupt):
            picolink.connect_all([serving.at, other.at], timeout_s=5)
        go.set()
        until(lambda: made and all(board._client.closed.is_set() for board in made))


def test_a_move_does_not_open_its_old_link_again(serving: Served, board: picolink.Board) -> None:
    def links() -> int:
        return int(serving.do(lambda: len(serving.node.drivers)))

    line = board._client
    assert links() == 1
    board.move(serving.at)
    with line.host.lock:
        assert line.node.drivers == [line._driver]
    board.call("echo")
    until(lambda: links() == 1)


def test_a_link_that_opened_only_after_the_close_is_closed(
    board: picolink.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Link:
        closed = False

        def close(self) -> None:
            self.closed = True

    link = Link()
    line = board._client
    board.close()
    monkeypatch.setattr(line, "open", lambda *_: link)
    line._reconnect()
    assert link.closed


async def test_a_link_lost_while_it_was_stalled_leaves_its_number_free() -> None:
    class Link:
        def __init__(self, pollable: int) -> None:
            self.pollable = pollable

    host = Host(lambda: None)
    for _ in range(3):  # the system gives the same number to each
        near, far = socket.socketpair()
        near.setblocking(False)
        heard = asyncio.Event()

        def hear(near: socket.socket = near, heard: asyncio.Event = heard) -> None:
            near.recv(9)
            heard.set()

        watch = host.watch(Link(near.fileno()), hear)
        far.send(b"x")
        await asyncio.wait_for(heard.wait(), 5)
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(bytes(10_000))
        host.on_writable(near.fileno(), lambda: None)
        watch.stop()
        near.close()
        far.close()


SERVES = """
from picolink import Node
node = Node("served")
try:
    node.run("tcp-listen:127.0.0.1:0")
finally:
    print("left", flush=True)
"""


def test_ctrl_c_of_a_program_that_serves() -> None:
    """It comes out of `run`, without what it came through."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = subprocess.Popen(
        [sys.executable, "-c", SERVES],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout is not None
    try:
        assert "listening on" in program.stdout.readline()
        program.send_signal(signal.SIGINT)
        output, errors = program.communicate(timeout=5)
    finally:
        program.kill()
    assert output == "left\n" and program.returncode == -signal.SIGINT
    assert errors.endswith("KeyboardInterrupt\n") and len(errors.splitlines()) < 12


def test_something_due_sooner_wakes_the_thread_that_polls() -> None:
    ticked = threading.Event()
    host = ThreadHost(ticked.set)  # type: ignore[arg-type]
    polls = threading.Thread(target=host.turn, args=(host.due_ms,), daemon=True)
    polls.start()
    until(lambda: bool(host._polling))
    host.call_by(0)  # from another thread, as where something is published
    polls.join(10)
    assert not polls.is_alive() and ticked.is_set()
    host.close()
