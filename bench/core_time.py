"""What 1000 bytes of payload cost an RP2040's core on each link: reckoned, since no board is here.
UART's costs, which are known in more detail, stand in `uart.py`.

Python calls are counted as the same source runs, between two nodes in memory whose packets have the
link's size; the rest are costs that were measured on a real board's firmware at 125 MHz.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from picolink.core.dialer import Dialer
from picolink.core.port import Port
from picolink.links.loopback.link import LoopbackLink
from picolink.node.node import Node

from .rp2040 import CALL_US, ESCAPE_US, TURN_US

CRC_KB_US = 203
COPY_KB_US = 656  # a slice of 256 bytes takes 168
SEARCH_KB_US = 100  # replace or find, where little is found
COPIES_IN, COPIES_OUT = 3, 3  # of packet and message; framing makes 1 and 3 more
ESCAPES = 9 * 1000 // 256  # in a kB from a host, where every byte value comes as often
WAKES = 2  # turns of the event loop for a packet that comes, and the packets' acknowledgements
PORT_CALLS = 8  # of the port's own methods a packet
_CHUNK = 8_192


class Medium(NamedTuple):
    """A link, as far as its cost hangs on it. `in_us`, `out_us`: what reading or writing 1000 bytes
    takes at the port; None where nobody has measured it."""

    name: str
    packet_bytes: int
    framed: bool
    in_us: float | None
    out_us: float | None


MEDIA = [
    Medium("USB", 4000, True, 5700, 985),
    Medium("I2C", 1014, False, 1200, 300),  # 270 us a frame of 223 bytes taken, 280 one published
    Medium("TCP", 2048, False, None, None),
    Medium("Bluetooth LE", 512, False, None, None),
    Medium("MQTT", 2048, False, None, None),
]


class _NoHost:
    due_ms = 0

    def call_by(self, at_ms: int) -> None:
        pass


def _memory(packet_bytes: int) -> list[Any]:
    """Two ends in memory."""
    links = [LoopbackLink("loopback:bench", packet_bytes) for _ in range(2)]
    links[0].other, links[1].other = links[1], links[0]
    return links


def count(links: list[Any], to_board: bool) -> tuple[float, float]:
    """Python calls of a board for 1000 bytes of payload, and packets of either direction. `links`:
    a host's end and the board's, which hand over to each other."""
    nodes = [Node("host", b"uid-host", max_message_bytes=60_000),
             Node("board", b"uid-board", max_message_bytes=60_000)]  # fmt: skip
    ports = [Port(link.mtu_bytes, link.takes_bytes, link.window_bytes) for link in links]
    for node in nodes:
        node.host = _NoHost()
    data = bytes(range(256)) * (_CHUNK // 256)
    nodes[1].command(name="bring")(lambda: data)
    nodes[1].command(name="take")(len)
    host = nodes[0]
    session = host.endpoint.new_session(b"12345678")
    Dialer(host.endpoint, ports[0], session, host, host.now_ms())  # type: ignore[arg-type]
    counted = [0, 0]  # calls of the board, packets

    def hook(frame: Any, event: str, argument: Any) -> None:
        counted[0] += event == "call" and "/picolink/" in frame.f_code.co_filename

    def turn(number: int) -> None:
        node, link, port = nodes[number], links[number], ports[number]
        for packet in link.receive():
            counted[1] += 1
            node.endpoint.receive(port, packet, node.now_ms())
        while (out := node.endpoint.next_packet(port, node.now_ms())) is not None:
            link.send(out)

    def run(name: str, *arguments: Any) -> None:
        call = calls.start(name, arguments, {}, 0, host.now_ms())
        while not call.done:
            turn(0)
            sys.setprofile(hook)
            turn(1)
            sys.setprofile(None)

    while session.attach is None or not session.met:
        turn(0)
        turn(1)
    calls = session.data.caller()
    run("take", b"warm")
    counted[:] = [0, 0]
    run("take", data) if to_board else run("bring")
    return counted[0] * 1000 / _CHUNK, counted[1] * 1000 / _CHUNK


def reckon(medium: Medium) -> tuple[float, float]:
    """Microseconds of the core for 1000 bytes received, and sent; without the port's own where that
    is not known."""
    found = []
    for to_board in (True, False):
        calls, packets = count(_memory(medium.packet_bytes), to_board)
        port_us = medium.in_us if to_board else medium.out_us
        us = (port_us or 0) + (calls + PORT_CALLS * packets) * CALL_US
        us += WAKES * packets * TURN_US
        us += (COPIES_IN if to_board else COPIES_OUT) * COPY_KB_US
        if medium.framed:
            us += CRC_KB_US + (COPY_KB_US + 2 * SEARCH_KB_US + ESCAPES * ESCAPE_US if to_board
                               else 3 * COPY_KB_US + 4 * SEARCH_KB_US)  # fmt: skip
        found.append(us)
    return found[0], found[1]


if __name__ == "__main__":
    for medium in MEDIA:
        into, out = reckon(medium)
        more = "" if medium.in_us is not None else "  and the port's own"
        print(f"{medium.name:14} {into / 1000:5.1f} {out / 1000:5.1f} ms a kB in, out{more}")
