"""`move` to another link: where it fails, in whatever way, all is as it was."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from served_node import Served, fixtures, served, until

import picolink

CPYTHON_ONLY = "threads of a host"

serving, board = fixtures(lambda node: node.command(name="echo")(lambda value: value))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def at(listener: socket.socket) -> str:
    return f"tcp:127.0.0.1:{listener.getsockname()[1]}"


def cut(serving: Served) -> None:
    serving.do(lambda: [driver.lost("a cut") for driver in list(serving.node.drivers)])


def as_it_was(serving: Served, board: picolink.Board) -> None:
    assert board.address == serving.at
    assert board.call("echo", 1) == 1
    cut(serving)
    assert board.call("echo", 2) == 2
    assert len(board._client.node.drivers) == 1


def test_a_ctrl_c_during_a_move(
    serving: Served, board: picolink.Board, silent: socket.socket
) -> None:
    def press() -> None:
        with silent.accept()[0] as connection:
            connection.recv(1)
            os.kill(os.getpid(), signal.SIGINT)
            with contextlib.suppress(OSError):
                while connection.recv(4096):  # until it is closed
                    pass

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        board.move(at(silent))
    thread.join(5)
    assert not thread.is_alive()  # its link was closed
    as_it_was(serving, board)


def test_two_threads_move_to_a_silent_address(
    serving: Served, board: picolink.Board, silent: socket.socket
) -> None:
    with ThreadPoolExecutor() as pool:
        for moving in [pool.submit(board.move, at(silent), 0.3) for _ in range(3)]:
            with pytest.raises(picolink.CannotConnect):
                moving.result(10)
    as_it_was(serving, board)


def test_two_threads_move_to_good_addresses(serving: Served, board: picolink.Board) -> None:
    with ThreadPoolExecutor() as pool:
        for moving in [pool.submit(board.move, serving.at, 5) for _ in range(4)]:
            moving.result(10)
    as_it_was(serving, board)


def test_a_close_during_a_move(
    serving: Served, board: picolink.Board, silent: socket.socket
) -> None:
    with ThreadPoolExecutor() as pool:
        moving = pool.submit(board.move, at(silent), 10)
        with silent.accept()[0] as connection:
            connection.recv(1)
            board.close()
            with pytest.raises(picolink.LinkError, match="was closed here"):
                moving.result(5)
            until(lambda: not serving.do(lambda: serving.node.endpoint.sessions))  # it was told
            with contextlib.suppress(OSError):
                while connection.recv(4096):
                    pass
    assert board._client.node.drivers == []


def test_another_node_is_no_place_to_move_to(serving: Served, board: picolink.Board) -> None:
    feed = board.subscribe("door")
    until(lambda: serving.do(lambda: serving.node.topics.get("door")))
    ran: list[Any] = []
    with served(lambda node: node.command(name="echo")(ran.append)) as other:
        with pytest.raises(picolink.Refused, match="is another node than served"):
            board.move(other.at)
        as_it_was(serving, board)
    serving.do(lambda: serving.node.publish("door", "open"))
    assert next(feed).value == "open"
    assert ran == []


def test_a_node_that_was_restarted_is_moved_to(serving: Served, board: picolink.Board) -> None:
    """It has no session any more: the new one begins on the new link."""
    feed = board.subscribe("door")
    until(lambda: serving.do(lambda: serving.node.topics.get("door")))
    serving.do(lambda: serving.node.endpoint.sessions.clear())
    board.move(serving.at)
    until(lambda: len(serving.do(lambda: serving.node.topics.get("door")) or ()) > 0)
    assert board.call("echo", 1) == 1
    feed.close()


def test_an_address_that_closes_at_once(serving: Served, board: picolink.Board) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        moving = pool.submit(board.move, at(listener), 5)
        listener.accept()[0].close()
        with pytest.raises(picolink.CannotConnect):
            moving.result(2)
    as_it_was(serving, board)


@pytest.mark.parametrize("address", [None, 5, b"tcp:x"])
def test_what_is_no_address(board: picolink.Board, address: Any) -> None:
    with pytest.raises(picolink.UsageError, match="is no address"):
        board.move(address)


@pytest.mark.parametrize("timeout_s", [-1, "x", float("nan"), None])
def test_what_is_no_time_to_move_in(serving: Served, board: picolink.Board, timeout_s: Any) -> None:
    if timeout_s is None:
        board.move(serving.at, timeout_s)  # the usual one
    else:
        with pytest.raises(picolink.UsageError, match="timeout_s"):
            board.move(serving.at, timeout_s)
    board.move(serving.at, 0)  # for ever
    assert board.call("echo", 1) == 1
