"""The host's API without asyncio, with a virtual board, over USB and over TCP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from both import SEED
from cutting_proxy import CuttingProxy
from virtual_bench import bench

import picolink
from picolink.core.timing import TIMES
from picolink.packing import compile_all
from picosim import VirtualBoard, World

CPYTHON_ONLY = "virtual boards"


@pytest.fixture
def host(address: str) -> Iterator[picolink.Board]:
    with picolink.connect(address, timeout_s=8) as host:
        yield host


@pytest.fixture
def observer(board: VirtualBoard) -> Iterator[picolink.Board]:
    """Another host, that looks on."""
    with picolink.connect(f"tcp:{board.address}", timeout_s=8) as observer:
        yield observer


def eventually(true: Callable[[], bool], timeout_s: float = 8) -> None:
    """Asks again and again; each question takes a round trip."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline


# Threads


def test_many_threads_call_at_once(host: picolink.Board) -> None:
    results: dict[int, list[int]] = {}

    def job(first: int) -> None:
        results[first] = [
            host.call("slow", 1 + i % 3) and host.call("echo", first + i) for i in range(30)
        ]

    threads = [threading.Thread(target=job, args=(i * 100,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == {n * 100: list(range(n * 100, n * 100 + 30)) for n in range(6)}


def test_a_slow_call_holds_up_no_other_thread(host: picolink.Board) -> None:
    slow = threading.Thread(target=host.call, args=("slow", 700))
    slow.start()
    began = time.monotonic()
    for i in range(50):
        assert host.call("echo", i) == i
    assert time.monotonic() - began < 0.6
    assert slow.is_alive()
    slow.join(5)
    assert not slow.is_alive()


def test_a_call_after_a_pause_is_not_polled_for(
    host: picolink.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own thread drives the link meanwhile; the caller takes it over once, and then waits."""
    woken = 0
    wake = host._client.host.wake

    def counted() -> None:
        nonlocal woken
        woken += 1
        wake()

    monkeypatch.setattr(host._client.host, "wake", counted)
    idle = threading.Event()
    for _ in range(5):
        assert not idle.wait(0.1)
        assert host.call("slow", 200) == 200
    assert woken < 100


def test_callbacks_run_in_their_thread_and_may_call(host: picolink.Board) -> None:
    names: set[str] = set()
    answers: list[object] = []
    enough = threading.Event()

    def callback(reading: picolink.Reading) -> None:
        names.add(threading.current_thread().name)
        answers.append(host.call("echo", reading.value) - reading.value)
        if len(answers) == 10:
            enough.set()

    with host.subscribe("number", callback):
        for i in range(20):  # while this thread calls, too
            assert host.call("echo", i) == i
        assert enough.wait(5)
    assert names == {"picolink bench callbacks"}
    assert set(answers) == {0}


def test_a_callback_that_raises_is_told_and_the_next_one_runs(
    host: picolink.Board, capsys: pytest.CaptureFixture[str]
) -> None:
    again = threading.Event()
    calls: list[int] = []

    def callback(reading: picolink.Reading) -> None:
        calls.append(reading.value)
        if len(calls) == 1:
            raise RuntimeError("the first is too many")
        again.set()

    with host.subscribe("number", callback):
        assert again.wait(5)
    assert "RuntimeError: the first is too many" in capsys.readouterr().out


def test_keepalive_goes_on_while_nobody_calls(
    host: picolink.Board, observer: picolink.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIMES, "keepalive", 150)
    monkeypatch.setitem(TIMES, "dead", 1000)
    link = host._client._driver
    # Nobody calls over `host`: it lives by its keepalive, else its link would be opened anew.
    assert observer.call("slow", 2500) == 2500
    assert host._client._driver is link
    assert host.call("echo", 1) == 1


async def test_in_a_running_event_loop(board: VirtualBoard) -> None:
    """As in a notebook."""
    came = threading.Event()
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        assert host.call("echo", "in a notebook") == "in a notebook"
        host.subscribe("number", lambda reading: came.set())
        assert came.wait(5)


# Ctrl-C

INTERRUPTED = """
import sys, threading, picolink
try:
    with picolink.connect(sys.argv[1]) as board:
        print("calling", flush=True)
        board.call("slow", 30_000, timeout_s=60)
except KeyboardInterrupt:
    print("left", threading.active_count())
"""


def test_ctrl_c_during_a_call_leaves_cleanly(address: str, observer: picolink.Board) -> None:
    begun, cancelled = observer.call("slow_ones")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, address],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == "calling\n"
        eventually(lambda: observer.call("slow_ones")[0] == [*begun, 30_000])
        program.send_signal(signal.SIGINT)
        output, errors = program.communicate(timeout=5)
    finally:
        program.kill()
    assert (output, errors, program.returncode) == ("left 1\n", "", 0)
    eventually(lambda: observer.call("slow_ones")[1] == [*cancelled, 30_000])


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """Presses Ctrl-C soon."""
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.3)  # type: ignore[func-returns-value]
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, old)


def test_a_call_given_up_before_it_was_sent_is_never_begun(
    board: VirtualBoard, alarm: Callable[[], None]
) -> None:
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        before = host.call("notes")
        board.unplug()
        try:
            alarm()
            with pytest.raises(KeyboardInterrupt):
                host.call("note", "late")
        finally:
            board.plug()
        assert host.call("note", "after") == "after"
        assert host.call("notes") == [*before, "after"]


# Subscriptions


def test_readings_by_count_and_by_time(host: picolink.Board) -> None:
    five = list(host.readings("number", count=5))
    assert [r.value for r in five] == list(range(five[0].value, five[0].value + 5))
    assert {r.unit for r in five} == {"items"}
    assert {r.time_quality for r in five} == {"link"}
    assert abs(five[-1].time - time.time()) < 1
    began = time.monotonic()
    some = list(host.readings("number", seconds=0.3))
    assert 0.25 < time.monotonic() - began < 1
    assert 2 <= len(some) <= 25


def test_a_reading_is_read(host: picolink.Board) -> None:
    reading = host.read("number")
    assert reading.unit == "items"
    assert host.read("number").value > reading.value


def test_the_latest_only(host: picolink.Board) -> None:
    feed = host.subscribe("number", queue="latest")
    first = next(feed)
    assert host.call("slow", 800) == 800  # meanwhile about 40 were taken on the board
    second, third, fourth = next(feed), next(feed), next(feed)
    feed.close()
    # Two may have been on their way already; what comes then is new, and tells what was missed.
    assert second.missed + third.missed + fourth.missed > 10
    assert fourth.value == fourth.seq - first.seq + first.value
    assert fourth.seq - first.seq == 3 + second.missed + third.missed + fourth.missed


def test_a_subscription_survives_the_cable(board: VirtualBoard) -> None:
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        feed = host.subscribe("number")
        got = [next(feed)]
        for _ in range(3):
            board.unplug()
            board.plug()
            got += [next(feed) for _ in range(20)]
        assert not feed.call.done
    taken = got[-1].value - got[0].value + 1
    assert len(got) + sum(r.missed for r in got) == taken
    assert [r.seq - got[0].seq for r in got] == [r.value - got[0].value for r in got]


def test_a_subscription_survives_a_lost_connection(board: VirtualBoard) -> None:
    proxy = CuttingProxy((board.address, 5263), SEED)
    try:
        with picolink.connect(f"tcp:127.0.0.1:{proxy.port}", timeout_s=8) as host:
            feed = host.subscribe("number")
            got = [next(feed)]
            for _ in range(3):
                proxy.cut()
                got += [next(feed) for _ in range(20)]
    finally:
        proxy.close()
    assert len(got) + sum(r.missed for r in got) == got[-1].value - got[0].value + 1


@pytest.mark.parametrize("waiting", [False, True], ids=["callback", "iterator"])
def test_a_subscription_survives_a_reset(world: World, waiting: bool) -> None:
    board = bench(world, f"reset{waiting}")
    values: list[int] = []
    restarted = threading.Event()

    def take(reading: picolink.Reading) -> None:
        values.append(reading.value)
        if len(values) > 1 and values[-1] <= values[-2]:
            restarted.set()

    try:
        with picolink.connect(board.usb_path, timeout_s=8) as host:
            if waiting:
                feed = host.subscribe("number")

                def iterate() -> None:
                    for reading in feed:
                        take(reading)

                thread = threading.Thread(target=iterate)
                thread.start()
            else:
                feed = host.subscribe("number", take)
            host.call("slow", 200)
            for _ in range(2):
                restarted.clear()
                board.reset()
                assert restarted.wait(10)
            feed.close()
            if waiting:
                thread.join(5)
                assert not thread.is_alive()
            # What was closed does not begin again.
            board.reset()
            eventually(lambda: once_more(host) == 1)
            assert host.call("echo", host.connected) is True
            taken = len(values)
            host.call("slow", 200)
            assert len(values) - taken <= 1
            number = host.read("number").value
            host.call("slow", 200)
            assert host.read("number").value == number + 1
    finally:
        board.kill()


def test_a_program_that_was_restarted_is_met_again(world: World) -> None:
    """Stopped by Ctrl-C it says goodbye, which is no reason to stay away."""
    board = bench(world, "restart")
    try:
        with picolink.connect(f"tcp:{board.address}", timeout_s=8) as host:
            feed = host.subscribe("number")
            for _ in range(2):
                assert host.call("note", 1) == 1
                values = [next(feed).value for _ in range(5)]
                with picolink.connect(board.usb_path, start=True, timeout_s=8) as usb:
                    assert usb.call("notes") == []
                assert host.call("notes") == []
                while next(feed).value > values[-1]:
                    pass
    finally:
        board.kill()


def once_more(host: picolink.Board) -> object:
    try:
        return host.call("echo", 1)
    except picolink.CallError:
        return None


# The board calls


def test_the_board_calls_the_host(address: str) -> None:
    node = picolink.Node("laptop")

    @node.command
    def double(value: int) -> int:
        return 2 * value

    @node.command
    def refuse(value: str) -> None:
        raise LookupError(f"no {value} here")

    threads: list[str] = []

    @node.command
    def call_back(value: int) -> object:
        threads.append(threading.current_thread().name)
        return host.call("echo", value + 1)

    with picolink.connect(address, node=node, timeout_s=8) as host:
        assert host.call("call_host", "laptop", "double", 21) == 42
        assert host.call("call_host", "laptop", "call_back", 1) == 2
        assert threads == ["picolink bench callbacks"]
        kind, message, traceback = host.call("call_host", "laptop", "refuse", "lamp")
        assert kind == "RemoteError"
        assert "no lamp here" in message
        assert 'raise LookupError(f"no {value} here")' in traceback or "in refuse" in traceback
        kind, message, _ = host.call("call_host", "laptop", "dubble", 1)
        assert kind == "UnknownCommand"
        assert "dubble" in message


def test_a_remote_error_tells_where(host: picolink.Board) -> None:
    with pytest.raises(
        picolink.RemoteError, match="fails at bench: ValueError: no water"
    ) as caught:
        host.call("fails", "no water")
    assert caught.value.kind == "ValueError"
    assert "main.py" in caught.value.traceback
    assert "in fails" in caught.value.traceback


def test_the_host_publishes(host: picolink.Board) -> None:
    told = host.subscribe("told")
    assert host.call("echo", 0) == 0
    for value in range(20):
        host.publish("setpoint", value)
    assert [next(told).value for _ in range(20)] == list(range(20))


# Services


def test_describe_stats_time_and_log(host: picolink.Board) -> None:
    about = host.describe()
    assert about["name"] == "bench"
    assert about["uid"] == host.uid
    assert about["commands"]["fan"]["help"] == "Turns the fan"
    assert about["readings"]["number"] == {
        "unit": "items",
        "every_s": 0.02,
        "help": "Counts itself",
    }
    assert host.node.name in [session["peer"] for session in host.stats()["sessions"]]
    first = host.call("sys.time")
    host.call("slow", 50)
    assert 50 <= host.call("sys.time")["uptime_ms"] - first["uptime_ms"] < 1000


def test_the_log_over_tcp(observer: picolink.Board) -> None:
    lines: list[str] = []
    all_there = threading.Event()

    def take(reading: picolink.Reading) -> None:
        lines.append(reading.value)
        if reading.value == "line 19":
            all_there.set()

    with observer.subscribe("sys.log", take):
        for i in range(20):
            observer.call("say", f"line {i}")
        assert all_there.wait(5)
    assert [line for line in lines if line.startswith("line")] == [f"line {i}" for i in range(20)]


# Several


def test_connect_all_gives_a_result_or_an_error_for_each(board: VirtualBoard) -> None:
    right, wrong, none = f"tcp:{board.address}", "tcp:127.0.0.1:1", "usb:nobody"
    with picolink.connect_all([right, wrong, board.usb_path, none], timeout_s=8) as boards:
        assert len(boards) == 2, boards.errors
        results = boards.call("echo", "all")
        assert results[right] == results[board.usb_path] == "all"
        assert isinstance(results[wrong], picolink.CannotConnect)
        assert set(results.errors) == {wrong, none}
        failed = boards.call("fails", "no")
        assert all(isinstance(error, picolink.PicolinkError) for error in failed.values())
        assert boards.read("number")[right].unit == "items"


def test_connect_all_by_names_that_only_the_nodes_know(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    names = ["lamp", "button", "door"]
    with World(seed=SEED) as world:
        for label, name in zip("abc", names, strict=True):
            program = f"from picolink import Node\nnode = Node({name!r})\n"
            program += f"@node.command\ndef who():\n return {name!r}\nnode.run('usb:')\n"
            world.board(label, main=program, libs=compile_all(["usb"])).wait_printed("listening")
        for _ in range(5):  # each thread asks all ports, which the others want too
            with picolink.connect_all([f"usb:{name}" for name in names]) as boards:
                assert not boards.errors
                assert boards.call("who") == {f"usb:{name}": name for name in names}


def test_move_from_usb_to_tcp_with_a_long_message_under_way(board: VirtualBoard) -> None:
    value = os.urandom(100_000)
    results: list[object] = []
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        before = host.call("notes")
        thread = threading.Thread(target=lambda: results.append(host.call("echo", value)))
        thread.start()
        feed = host.stream("count", 2000)
        got = [next(feed) for _ in range(100)]
        host.move(f"tcp:{board.address}")
        assert host.address == f"tcp:{board.address}"
        got += list(feed)
        thread.join(10)
        assert results == [value]
        assert got == list(range(2000))
        board.unplug()  # it needs that link no more
        try:
            assert host.call("note", "moved") == "moved"
        finally:
            board.plug()
        assert host.call("notes") == [*before, "moved"]


DIES = """
import sys, picolink
board = picolink.connect(sys.argv[1])
feed = board.subscribe("number")
next(feed)
print("there", flush=True)
while True:
    next(feed)
"""


def test_two_hosts_one_killed(board: VirtualBoard, observer: picolink.Board) -> None:
    address = f"tcp:{board.address}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.Popen(
        [sys.executable, "-c", DIES, address], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    feed = observer.subscribe("number")
    first = next(feed)
    assert other.stdout.readline() == "there\n"
    other.kill()
    other.communicate()
    got = [next(feed) for _ in range(50)]
    assert [r.value for r in got] == list(range(first.value + 1, first.value + 51))
    with picolink.connect(address, timeout_s=8) as again:
        assert again.call("echo", "again") == "again"


# Programs


def test_a_program_with_a_loop_of_its_own(world: World) -> None:
    board = world.board(
        "polls", heap_bytes=2_000_000, libs=bench_libs(),
        main="from picolink import Node\nimport time\nnode = Node('polls')\nturns = [0]\n"
        "@node.command\ndef loops():\n    return turns[0]\n"
        "@node.command\nasync def add(a, b):\n    return a + b\n"
        "while True:\n    node.poll('usb:')\n    turns[0] += 1\n    time.sleep_ms(2)\n",
    )  # fmt: skip
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        turns = host.call("loops")
        assert host.call("add", 1, 2) == 3
        assert host.call("loops") > turns
    board.kill()


def test_a_program_that_ends_with_its_own_coroutine(world: World) -> None:
    board = world.board(
        "ends", heap_bytes=2_000_000, libs=bench_libs(),
        main="from picolink import Node\nimport asyncio\nnode = Node('ends')\n"
        "over = asyncio.Event()\n"
        "@node.command\ndef end():\n    over.set()\n"
        "async def main():\n    await over.wait()\n    print('main has ended')\n"
        "node.run('usb:', main())\nprint('so has run')\n",
    )  # fmt: skip
    lines: list[str] = []
    with picolink.connect(board.usb_path, timeout_s=8, on_log=lines.append) as host:
        assert host.call("end") is None
        board.wait_state("repl", timeout_s=5)
        assert "so has run" in board.log_text()
        with pytest.raises(picolink.CallError):
            host.call("end", timeout_s=0.3)
    board.kill()


def bench_libs() -> dict[str, bytes]:
    return compile_all(["usb", "tcp"])
