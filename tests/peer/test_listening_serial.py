"""picolink dials this peer over a serial port: frames among text, seen from the board's side."""

import contextlib
import os
import pty
import time
import tty

import pytest

import picolink
from peer import framing, wire
from peer.calls import Peer
from peer.framing import frame
from peer.links import Link, Lost
from peer.listening import calling, outcome, with_board
from peer.session import receive_hello

CPYTHON_ONLY = "the second implementation runs on CPython alone"


class BoardEnd(Link):
    """The board's end of a USB cable that picolink opens; keeps all bytes that came."""

    carries = 1024

    def __init__(self):
        board, self.host = pty.openpty()
        tty.setraw(self.host)
        os.set_blocking(board, False)
        self.address = os.ttyname(self.host)
        self.raw = b""
        super().__init__(board, framing.FrameReader())
        feed = self.reader.feed

        def keep(data):
            self.raw += data
            return feed(data)

        self.reader.feed = keep

    def wrap(self, packet):
        return frame(packet)

    def close(self):
        super().close()
        with contextlib.suppress(OSError):
            os.close(self.host)


@pytest.fixture
def cable():
    made = BoardEnd()
    yield made
    made.close()


def dialed(cable, listening, work):
    """Begins the work over the cable; returns the peer that it dialed, and its future."""
    future = listening.pool.submit(work, cable.address)
    peer = Peer(name="stranger")
    peer.listen(cable)
    return peer, future


def test_calls_over_frames(cable, listening):
    """2.1 to 2.3."""
    values = [b"\0\x1b\1\2\3\4\5\n\r" * 60, "text", [1, {"a": "\x1b\0"}]]
    peer, future = dialed(
        cable, listening, with_board(lambda b: [b.call("echo", v) for v in values])
    )
    peer.commands["echo"] = lambda peer, asked: asked.args[0]
    assert listening.finish(peer, future) == values


def test_frames_towards_a_prompt_hold_nothing_that_it_would_take(cable, listening):
    """2.4: Ctrl-A to Ctrl-E, LF and CR are stuffed in each frame."""
    everything = bytes(range(256)) * 3
    peer, future = dialed(cable, listening, calling("echo", everything))
    peer.commands["echo"] = lambda peer, asked: asked.args[0]
    assert listening.finish(peer, future) == everything
    frames = cable.raw[cable.raw.index(b"\0") :].split(b"\0")[1:]
    assert len(frames) >= 4
    for each in frames:
        size = (each[0] & 0x7F) << 7 | each[1] & 0x7F
        assert not set(each[: 2 + size]) & set(framing.PROMPT[2:]), each


def test_text_of_a_dialed_node_is_its_log(cable, listening):
    """8.1, 2.7: shown, and none of it run; also between and before packets."""
    node, lines, ran = picolink.Node("desk"), [], []

    @node.command
    def trap():
        ran.append(1)

    peer, future = dialed(
        cable,
        listening,
        with_board(lambda b: b.call("print"), node=node, on_log=lines.append),
    )

    def say(peer, asked):
        cable.write(b"hello from the board\r\ntrap\r\n")
        cable.write(b"half")
        return "said"

    peer.commands["print"] = say
    assert listening.finish(peer, future) == "said"
    assert "hello from the board" in lines and "trap" in lines
    assert ran == []
    assert b"! " not in cable.text and b"ok" not in cable.text


def test_noise_of_a_board_does_no_harm(cable, listening):
    """1.3, 2.5, 2.6, 4.9."""
    peer, future = dialed(
        cable, listening, with_board(lambda b: [b.call("echo", "x" * n) for n in range(0, 600, 50)])
    )
    peer.commands["echo"] = lambda peer, asked: asked.args[0]
    send, count = cable.send, [0]

    def noisy(packet):
        count[0] += 1
        noise = (b"\0", b"\0\x80\x90garbage", b"\x1b\x1b", b"\xff\0\xbf\xff", b"")[count[0] % 5]
        cable.write(noise)
        if count[0] % 7 == 0:
            cable.write(frame(packet)[:-2])
        else:
            send(packet)

    cable.send = noisy
    assert listening.finish(peer, future, 20) == ["x" * n for n in range(0, 600, 50)]


def test_its_own_hello_come_back_is_ignored(cable, listening):
    """4.33, 4.26: a wire that echoes everything. The session comes about all the same."""
    future = listening.pool.submit(calling("echo"), cable.address)
    asked = receive_hello(cable, time.monotonic() + 3)
    for piece in wire.pieces(asked.encode(), 9, 64):
        cable.send(piece)
    peer = Peer(name="stranger")
    peer.commands["echo"] = lambda peer, asked: "fine"
    peer.answer(cable, asked, time.monotonic() + 3)
    receive = peer.take

    def echoing(packet):
        cable.send(packet)
        receive(packet)

    peer.take = echoing
    assert listening.finish(peer, future) == "fine"


def test_we_dial_on_the_same_wire_too(cable, listening):
    """4.32: two attaches of two sessions on one port, one dialed from either side."""
    node = picolink.Node("desk")

    @node.command
    def double(n):
        return 2 * n

    future = listening.pool.submit(
        with_board(lambda b: b.call("wait", timeout_s=8), node=node), cable.address
    )
    peer, other = Peer(name="stranger"), Peer(name="second", uid=b"another node")
    peer.listen(cable)
    waiting = []
    peer.commands["wait"] = lambda peer, asked: waiting.append(asked) or asked
    peer.run(lambda: waiting)
    peer.settle()
    other.dial(cable)
    assert other.call("double", 21) == 42
    other.goodbye()
    waiting[0].reply("done")
    assert listening.finish(peer, future) == "done"


def test_picolink_keeps_quiet_when_it_is_asked_to(cable, listening):
    """4.34: as a board asks that is about to write its flash."""
    peer, future = dialed(
        cable, listening, with_board(lambda b: [b.call("first"), b.call("second", timeout_s=5)])
    )
    tag = peer.attach.peer.tag.to_bytes(4, "little")
    silent = []

    def first(peer, asked):
        cable.send(bytes([wire.QUIET]) + tag + (3000).to_bytes(2, "little"))
        return "quiet now"

    peer.commands["first"] = first
    peer.commands["second"] = lambda peer, asked: "after it"
    take = peer.take
    peer.take = lambda p: silent.append(p) if p[0] == wire.SILENT else take(p)
    peer.run(lambda: silent)
    assert silent == [bytes([wire.SILENT]) + peer.attach.own.tag.to_bytes(4, "little")]
    before = len(peer.heard)
    with pytest.raises(TimeoutError):
        peer.run(lambda: len(peer.heard) > before, 0.3)
    cable.send(bytes([wire.QUIET]) + tag + bytes(2))
    assert listening.finish(peer, future) == ["quiet now", "after it"]


def test_a_prompt_that_answers_no_hello_is_told(cable, listening):
    """8.1, 4.16: a board without a program. What it prints is no packet."""
    future = listening.pool.submit(
        lambda a: outcome(lambda: picolink.connect(a, timeout_s=1)), cable.address
    )
    deadline = time.monotonic() + 4
    with contextlib.suppress(Lost):
        while not future.done() and time.monotonic() < deadline:
            if cable.receive(0.1) is not None:
                cable.write(b"\r\n>>> ")
    assert isinstance(future.result(5), picolink.CannotConnect)
