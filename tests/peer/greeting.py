"""Hellos step by step, for tests that say them by hand."""

import time

from . import wire
from .session import receive_hello
from .wire import Data


def next_hello(link, timeout_s=2.0, wanted=lambda hello: True):
    return receive_hello(link, time.monotonic() + timeout_s, wanted)


def say(link, hello, size=128, number=1):
    for piece in wire.pieces(hello.encode(), number, size):
        link.send(piece)


def answer_to(link, hello, **how):
    say(link, hello, **how)
    answer = next_hello(link, wanted=lambda h: h.echo == hello.tag)
    assert answer is not None, "no answer"
    return answer


def nothing_comes(link, timeout_s=0.15):
    packet = link.receive(timeout_s)
    assert packet is None, f"not silent but {packet.hex()}"
    return True


def confirmed(peer, link, hello, answer):
    """Confirms an answer by an ASK, step by step; returns the node's packet."""
    peer.attach_to(link, hello, answer)
    peer.ask()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        packet = link.receive(0.5)
        if packet is not None and packet[0] & 0x80:
            return Data.decode(packet)
    raise TimeoutError("not confirmed")
