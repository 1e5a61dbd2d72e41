"""Frames among text, in whatever pieces they arrive."""

from both import cases, random_for

from picolink.core.textstream import PROMPT, Decoder, encode

ONE = encode(b"\x80one\x00\x1b\n", PROMPT)
TWO = encode(b"\x80two")


def run(pieces):
    """Feeds the pieces; returns the packets, the text and the decoder."""
    text = []
    decoder = Decoder(lambda data: text.append(bytes(data)))
    packets = []
    for piece in pieces:
        packets += decoder.feed(piece)
    return packets, b"".join(text), decoder


# Stream, packets in it, text in it, frames damaged.
STREAMS = [
    (ONE, [b"\x80one\x00\x1b\n"], b"", 0),
    (ONE + TWO, [b"\x80one\x00\x1b\n", b"\x80two"], b"", 0),
    (b"hello\n" + ONE + b"T=21\r\n" + TWO + b"bye", [b"\x80one\x00\x1b\n", b"\x80two"],
     b"hello\nT=21\r\nbye", 0),
    (b"only text \xc2\xb0C\n", [], b"only text \xc2\xb0C\n", 0),
    (ONE[:5] + TWO, [b"\x80two"], b"", 1),  # a 0x00 in a frame drops what stood before it
    (ONE[:2] + TWO, [b"\x80two"], b"\x80", 1),
    (b"\x00" + TWO, [b"\x80two"], b"", 1),
    (ONE[:-1] + b"\xff" + TWO, [b"\x80two"], b"", 1),  # the CRC
    (ONE[:6] + b"a print in it\n" + ONE[6:] + TWO, [b"\x80two"], None, None),
    (b"\x00\x7f\x80" + TWO, [b"\x80two"], b"\x7f\x80", 1),  # no length
    (b"\x00\x80\x80" + TWO, [b"\x80two"], b"", 1),  # nothing in it
]  # fmt: skip


@cases(STREAMS)
def test_whole_and_in_pieces(stream, packets, text, damaged):
    random = random_for("pieces")
    whole = [stream]
    single = [stream[i : i + 1] for i in range(len(stream))]
    uneven = []
    at = 0
    while at < len(stream):
        n = random.between(1, 7)
        uneven.append(stream[at : at + n])
        at += n
    for pieces in (whole, single, uneven):
        got, printed, decoder = run(pieces)
        assert got == packets
        assert text is None or printed == text
        assert damaged is None or (decoder.damaged > 0) == (damaged > 0)
        assert not decoder.missing


@cases([(3,), (4,), (len(TWO) - 1,)])
def test_a_tail_is_kept_for_the_rest(cut):
    got, text, decoder = run([ONE + TWO[:cut]])
    assert got == [b"\x80one\x00\x1b\n"] and text == b""
    assert decoder.missing
    assert decoder.feed(TWO[cut:]) == [b"\x80two"]
    assert not decoder.missing


def test_text_is_released_at_once():
    _, text, decoder = run([b"no line end"])
    assert text == b"no line end" and not decoder.missing


def test_giving_up_shows_the_printable_tail():
    got, _, decoder = run([b"before\x00\x81\xffxx\xffTraceback:\r\n  boom\n"])
    assert decoder.missing and got == []
    decoder.give_up()
    assert not decoder.missing and decoder.damaged == 1
    assert decoder.feed(TWO) == [b"\x80two"]
    decoder.give_up()  # nothing unfinished: nothing happens
    assert decoder.damaged == 1


def test_given_up_tail():
    text = []
    decoder = Decoder(text.append)
    decoder.feed(b"before\x00\x81\xffxx\xffTraceback:\r\n  boom\n")
    decoder.give_up()
    assert text == [b"before", b"Traceback:\r\n  boom\n"]


def test_one_byte_of_noise_costs_at_most_two_frames():
    # Noise on the length bytes can swallow the head of the next frame's predecessor only.
    random = random_for("noise")
    good = [encode(b"\x80%d" % n, PROMPT) for n in range(6)]
    for _ in range(300):
        stream = bytearray(b"".join(good))
        at = random.below(len(stream))
        stream[at] ^= 1 << random.below(8)
        got, _, _ = run([bytes(stream), encode(b"\x80end", PROMPT)])
        assert len(got) >= 5 and got[-1] == b"\x80end"
