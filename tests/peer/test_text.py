"""Text and frames on one stream (section 2), and typed lines (section 8)."""

import random
import struct
import time
import zlib

import pytest

from peer import framing, wire
from peer.framing import frame
from peer.wire import Data

CPYTHON_ONLY = "the second implementation runs on CPython alone"

MARK = "mark"


@pytest.fixture
def line(way):
    """A link on which nothing is attached, after a line was answered right (8.5)."""
    link = way.link()
    link.write(b"\r\necho begin\r\n")
    link.read_text(b"begin")
    link.read_text(b"\n")
    return link


def ask(link, text, end=b"\n"):
    """Types a line; returns the answer, without line ends."""
    link.write(text + end)
    return answer(link)


def answer(link):
    text = b""
    while not text:
        text = link.read_text(b"\n").strip()
    return text


def test_a_line_is_a_command_and_its_answer_a_line(line):
    """8.4, 8.5."""
    assert ask(line, b"echo hello") == b"hello"
    assert ask(line, b"echo 1") == b"1"
    assert ask(line, b'echo "1"') == b"1"
    assert ask(line, b"echo null") == b"ok"
    assert ask(line, b"forget") == b"ok"
    assert ask(line, b"echo true") == b"true"
    assert ask(line, b"echo 1.5") == b"1.5"
    assert ask(line, b"echo [1,2] x").replace(b" ", b"") == b'[[1,2],"x"]'
    assert ask(line, b'echo {"a":1}').replace(b" ", b"") == b'{"a":1}'
    assert ask(line, b"echo NaN") == b"NaN"
    assert ask(line, b"echo  two   spaces ").replace(b" ", b"") == b'["two","spaces"]'
    assert ask(line, b"echo {broken") == b"{broken"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_cr_lf_and_both_end_a_line(line, end):
    """8.2."""
    for i in range(3):
        assert ask(line, b"echo %d" % i, end) == b"%d" % i


def test_errors_are_told_behind_an_exclamation_mark(line):
    """8.5."""
    assert ask(line, b"no_such_thing").startswith(b"! UnknownCommand: ")
    assert ask(line, b"sized x").startswith(b"! BadArguments: ")
    assert ask(line, b"fail ValueError why") == b"! ValueError: why"
    assert ask(line, b"fail Busy").startswith(b"! BusyError")
    assert ask(line, b"fail SystemExit").startswith(b"! SystemExit")
    assert ask(line, b"echo on") == b"on"


NOT_RUN = [
    b"!echo x",
    b"! UnknownCommand: x",
    b"echo \xc3\xbc",
    b"echo a\tb",
    b"echo \x07",
    b"echo \x7f",
    b"echo " + b"x" * 252,
    b"x" * 1000,
    b"\x1becho x",
]


@pytest.mark.parametrize("text", NOT_RUN, ids=lambda t: repr(t[:12]))
def test_lines_that_are_not_run(tcp, text):
    """8.2: not wholly printable ASCII, longer than 256, or beginning with `!`."""
    link = tcp.link()
    assert ask(link, b"echo begin") == b"begin"
    assert ask(link, b"forget") == b"ok"
    link.write(text + b"\n")
    link.write(b"what_happened\n")
    told = answer(link)
    while told.startswith(b"!"):
        told = answer(link)
    assert told.replace(b" ", b"").startswith(b'{"begun":[]')


def test_a_line_of_256_bytes_is_run(line):
    """8.2: spaces around it do not count."""
    text = b"echo " + b"x" * 251
    assert ask(line, b"  " + text + b"   ") == b"x" * 251


def test_after_eight_errors_in_a_row_a_node_falls_silent(line):
    """8.5: until a right line."""
    for i in range(12):
        line.write(b"wrong_%d\n" % i)
    line.write(b"echo right\n")
    told = []
    while not told or told[-1].startswith(b"!"):
        told.append(answer(line))
    assert len(told) == 9 and told[-1] == b"right"
    assert ask(line, b"wrong again").startswith(b"! UnknownCommand")


def test_lines_are_answered_in_their_order(line):
    """8.4.1: while a command has not ended the next ones wait."""
    line.write(b"wait first 0.2\nwait second 0.05\necho third\n")
    assert [answer(line) for _ in range(3)] == [b"first", b"second", b"third"]
    line.write(b"".join(b"echo %d\n" % i for i in range(8)))
    assert [answer(line) for _ in range(8)] == [b"%d" % i for i in range(8)]


def test_nothing_typed_is_run_where_a_session_is_attached(usb):
    """8.2, 8.6."""
    peer = usb.peer()
    peer.call("forget")
    peer.attach.link.write(b"\r\necho typed\r\n")
    assert peer.call("echo", "called") == "called"
    assert peer.call("what_happened")["begun"] == ["echo"]
    assert b"typed" not in peer.attach.link.text


def test_the_rest_of_a_frame_that_came_to_nothing_is_not_run(usb):
    """8.3, 2.8."""
    link = usb.link()
    link.write(b"\r\nforget\r\n")
    answer(link)
    for damaged in (
        b"\x00\x80\xc0\necho x\n",  # unfinished, until 200 ms are over
        b"\x00\x80\x8c\necho xyz12\n",  # a wrong CRC
    ):
        link.write(damaged)
        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline:
            link.receive(0.1)
    told = ask(link, b"\r\nwhat_happened\r\n")
    assert told.replace(b" ", b"").startswith(b'{"begun":[]'), told


# Frames among noise: a node goes on whatever comes, and answers the next right frame


def gone(tag):
    return bytes([wire.GONE]) + tag


def asks(link, stream, timeout_s=2.0):
    """Whether a node finds a packet (of no attach) behind such bytes: it answers 0x47 (4.26)."""
    tag = b"\x31" + struct.pack("<I", zlib.crc32(stream))[:3]
    link.write(stream + frame(b"\x80" + tag + bytes(4), framing.PROMPT))
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if link.receive(0.2) == gone(tag):
            return True
    return False


GARBAGE = [
    b"",
    b"plain text\n",
    b"\x00",
    b"\x00\x00\x00",
    b"\x00\x80",
    b"\x00\xbf\xff" + b"x" * 50,
    b"\x00\x80\x7f",
    b"\x00\x41\x41",
    b"\x00\xc0\x80",
    b"\x00\x80\x80",
    b"\x00\x80\x81\x1b",
    b"\x00\x80\x84abcd",
    b"\x00\x80\x85abcde",
    b"\x00\x80\x86abcd\x1b\x1b",
    frame(b"\x80abcd" + bytes(4))[:-3],
    frame(b"\x80abcd" + bytes(4))[:-1] + b"\xff",
    b"\x1b" * 20,
    b"\xff\xfe\x80\x81",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_a_frame_is_found_behind_whatever_came_before_it(usb, garbage):
    """2.2, 2.5, 2.6, 1.3."""
    assert asks(usb.link(), garbage)


def test_every_byte_may_be_escaped(usb):
    """2.5: a receiver undoes every escape, whatever byte follows."""
    link = usb.link()
    packet = b"\x80wxyz" + bytes(range(256))[:60]
    harmful = (0, 3, 4, 27)  # as what follows 0x1B: a frame, Ctrl-C, Ctrl-D, an escape
    link.write(frame(packet, bytes(b for b in range(256) if b ^ 0x20 not in harmful)))
    assert link.receive(2) == gone(b"wxyz")


def test_random_noise_between_frames_stops_nothing(usb):
    """1.3, 2.6, 2.8. Nothing printable, which might be lines, and no Ctrl-C."""
    chance, link = random.Random(11), usb.link()
    noise = (0, 0x1B, *range(128, 256))
    for _ in range(30):
        assert asks(link, bytes(chance.choices(noise, k=chance.randrange(60))))


def test_calls_pass_among_noise(usb):
    """4.9, 5.8: frames that noise cut are sent again."""
    peer = usb.peer()
    chance, link = random.Random(12), peer.attach.link
    send = link.send

    def noisy(packet):
        if chance.random() < 0.3:
            link.write(bytes(chance.choice((0, 27, 200, 255)) for _ in range(chance.randrange(9))))
        if chance.random() < 0.1:
            packet = frame(packet, framing.PROMPT)[: chance.randrange(8)]
            link.write(packet)
        else:
            send(packet)

    link.send = noisy
    for i in range(15):
        text = f"{i} " * chance.choice((1, 100))
        assert peer.call("echo", text, timeout_s=10) == text
    link.send = send


def test_a_frame_that_is_given_up_costs_no_attach(usb):
    """2.8, 1.3: the frame is dropped, and nothing else."""
    peer = usb.peer()
    peer.settle()
    tag = peer.attach.own.tag
    peer.attach.link.write(b"\0\x80\x8axxxxx")
    with pytest.raises(TimeoutError):
        peer.run(lambda: False, 0.3)
    assert peer.call("echo", 1) == 1
    assert peer.attach.own.tag == tag


def test_what_a_node_prints_is_text_and_its_frames_are_right(usb):
    """2.1 to 2.3, 2.7, 8.1: a traceback travels beside the packets."""
    peer = usb.peer()
    for i in range(5):
        assert peer.error("fail", "ValueError", f"printed {i}").kind == "ValueError"
    link = peer.attach.link
    link.reader.text, text = b"", link.text
    while b"printed 4" not in text:
        packet = link.receive(2)
        if packet is not None:
            peer.take(packet)
        text += link.text
        link.reader.text = b""
    assert text.count(b"Traceback") == 5


def test_an_unfinished_frame_does_not_swallow_the_line_behind_it_for_ever(usb):
    """2.8."""
    link = usb.link()
    link.write(b"\x00\xbf\xff" + b"x" * 20)
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        link.receive(0.1)
    assert ask(link, b"\r\necho on") == b"on"


# Lengths (section 3)


@pytest.mark.parametrize("wrong", [bytes(4), b"\x00\xff\xff\xff", b"\x00\x01\x00\x00"])
def test_wrong_lengths_close_the_connection(tcp, wrong):
    """3.2: 0, or more than the node takes on the link."""
    link = tcp.link()
    link.write(wrong)
    link.wait_closed(2)


def test_a_length_behind_packets_is_checked_as_well(tcps):
    """3.2, in the middle of a session, which goes on over another connection."""
    peer = tcps.peer()
    link = peer.attach.link
    link.write(bytes(4))
    link.wait_closed(2)
    peer.dial(tcps.link())
    assert peer.call("echo", 1) == 1


def test_packets_cut_and_joined_by_the_stream(tcp):
    """3.1: a stream has no borders."""
    peer = tcp.peer()
    link, waiting = peer.attach.link, []
    link.send = lambda packet: waiting.append(framing.prefixed(packet))
    calls = [peer.begin("echo", i) for i in range(6)]
    peer.run(lambda: len(waiting) >= 6)
    stream = b"".join(waiting)
    for at in range(30):
        link.write(stream[at : at + 1])
    link.write(stream[30:])
    del link.send
    for i, call in enumerate(calls):
        peer.wait(call)
        assert call.reply == i


def test_a_packet_of_a_uarts_rate_never_reaches_the_session(peer):
    """2.10, 4.1."""
    link = peer.attach.link
    for packet in (b"\x44\x01" + bytes(6), b"\x44", b"\x44\x03" + bytes(54), b"\x44\xff" * 4):
        link.send(packet)
    assert peer.call("echo", 1) == 1
    link.send(Data(0x12345678, 1, 2).encode())
    assert link.receive(2) == gone(struct.pack("<I", 0x12345678))
