"""Length-prefixed packets."""

from both import cases, raises

from picolink.core.lengths import Decoder, encode


def test_whole_in_pieces_and_with_a_tail():
    stream = encode(b"one") + encode(b"x") + encode(bytes(300))
    for size in (1, 2, 3, 5, 100, 1000):
        decoder = Decoder(300)
        got = []
        for at in range(0, len(stream), size):
            got += decoder.feed(stream[at : at + size])
        assert got == [b"one", b"x", bytes(300)]
    decoder = Decoder(300)
    assert decoder.feed(stream + b"\x00\x00") == [b"one", b"x", bytes(300)]
    assert decoder.feed(b"\x00\x01!") == [b"!"]


def test_the_first_byte_is_zero():
    assert encode(bytes(70_000))[:4] == b"\x00\x01\x11\x70"


@cases([(b"\x00\x00\x00\x00",), (b"GET / HTTP/1.1\r\n",), (b"\x00\x00\x01\x2d",), (b"led_on\r\n",)])
def test_a_bad_length_ends_the_stream(data):
    decoder = Decoder(300)
    with raises(ValueError, "length"):
        decoder.feed(data)
