"""What one call costs a real RP2040: reckoned, since no board is here.

The Python calls on the board's path are counted by running that path (the same source) under
CPython's profiler hook; every other item is a cost that was measured on a real board's firmware.
"""

from __future__ import annotations

import sys
from typing import Any

from picolink.core import frames
from picolink.core.dialer import Dialer
from picolink.core.port import Port
from picolink.core.textstream import PROMPT, encode
from picolink.node.node import Node

# Microseconds at 125 MHz.
CALL_US = 11  # a method call
READ_60_US = 430  # head by `read`, then one `readinto`
WRITE_60_US = 76
POLL_US = 30
TURN_US = 209  # of the asyncio loop
CRC_60_US = 25
UNPACK_US = 17  # a field
PACK_US = 6
LOADS_US = 181  # of a line like {"t":21.5,"n":123,"s":"ok"}
DUMPS_US = 252
SLICE_US = 12  # a copy of some tens of bytes
REPLACE_US = 25  # over some tens of bytes
ESCAPE_US = CALL_US + 4 * SLICE_US  # to find one, and to move what stands before the next


class _Wires:
    """Two nodes in one program, without links: packets are handed over by hand."""

    due_ms = 0

    def call_by(self, at_ms: int) -> None:
        pass


def _pair() -> tuple[Node, Port, Node, Port]:
    host, board = Node("host", b"uid-host"), Node("board", b"uid-board")
    ports = []
    for node in (host, board):
        node.host = _Wires()
        ports.append(Port(1200))
    session = host.endpoint.new_session(b"12345678")
    Dialer(host.endpoint, ports[0], session, host, host.now_ms())  # type: ignore[arg-type]
    return host, ports[0], board, ports[1]


def _carry(host: Node, a: Port, board: Node, b: Port) -> None:
    while True:
        there = host.endpoint.next_packet(a, host.now_ms())
        back = board.endpoint.next_packet(b, board.now_ms())
        if there:
            board.endpoint.receive(b, there, board.now_ms())
        if back:
            host.endpoint.receive(a, back, host.now_ms())
        if not there and not back:
            return


def python_calls() -> int:
    """Python functions that run on a board for one call, from a frame read to the frame to be
    written; the driver's few are added below."""
    host, a, board, b = _pair()
    board.command(name="echo")(lambda value: value)
    _carry(host, a, board, b)
    calls = next(iter(host.endpoint.sessions.values())).data.caller()
    for _ in range(3):  # warm: what is loaded or made once is not counted
        calls.start("echo", ("x" * 32,), {}, None, host.now_ms())
        _carry(host, a, board, b)
    calls.start("echo", ("x" * 32,), {}, None, host.now_ms())
    packet = host.endpoint.next_packet(a, host.now_ms())
    assert packet is not None
    frame = bytearray(encode(packet, PROMPT))
    out = memoryview(bytearray(200))
    count = 0

    def hook(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event == "call" and "picolink" in frame.f_code.co_filename:
            count += 1

    now_ms = board.now_ms()
    sys.setprofile(hook)
    decoded = frames.decode_in(frame, memoryview(frame), frames.HEAD_BYTES, len(frame))
    board.endpoint.receive(b, decoded, now_ms)  # type: ignore[arg-type]
    reply = board.endpoint.next_packet(b, now_ms)
    frames.frame(reply, out)  # type: ignore[arg-type]
    nothing = board.endpoint.next_packet(b, now_ms)
    sys.setprofile(None)
    assert reply and nothing is None
    return count


def reckon() -> list[tuple[str, float]]:
    """(what, microseconds) of one call with a 32-character echo over USB."""
    driver_calls = 12  # readable, receive, one, drain, send, write, clock (twice), the loop's own
    calls = python_calls() + driver_calls
    return [
        ("USB in, 60 bytes: head, then one readinto", READ_60_US),
        ("poll for more, turn of the event loop", POLL_US + TURN_US),
        ("CRC-32 in and out", 2 * CRC_60_US),
        ("unstuffing: two finds; a copy", 2 * REPLACE_US + 3 * SLICE_US),
        ("headers read (8 fields), written (7)", 8 * UNPACK_US + 7 * PACK_US),
        ("JSON in and out", LOADS_US + DUMPS_US),
        (f"{calls} Python calls, counted", calls * CALL_US),
        ("framing: four finds, a copy; one in ten to be stuffed", 5 * REPLACE_US + 2 * SLICE_US),
        ("USB out, 60 bytes", WRITE_60_US),
    ]


if __name__ == "__main__":
    for what, us in reckon():
        print(f"{us:6.0f}  {what}")
    print(f"{sum(us for _, us in reckon()):6.0f}  in all, us")
