"""Frames among text: encoding, stuffing, damage."""

from both import cases, random_for

from picolink.core.frames import ALWAYS, HEAD_BYTES, MAX_PACKET_BYTES, body_length, frame
from picolink.core.textstream import LINES, PROMPT, decode_body, encode

PACKETS = [
    (b"\x80",),
    (b"\x00",),
    (b"\x1b\x00\x1b\x1b",),
    (b"\x3b\x20\x1b\x3b\x1b\x20",),
    (bytes(range(256)),),
    (b"\n\r\x01\x02\x03\x04\x05" * 9,),
    (bytes(MAX_PACKET_BYTES),),
]


def parts(whole):
    assert whole[0] == 0
    length = body_length(whole[1], whole[2])
    assert length == len(whole) - HEAD_BYTES
    return whole[HEAD_BYTES:]


def decoded(body, high=0x80):
    return decode_body(b"a%c." % high + body + b"\x1b", 3, 3 + len(body))


def test_a_frame_written_in_place_is_the_same():
    random = random_for("in place")
    out = bytearray(range(256)) + bytearray(64)
    view = memoryview(out)
    in_place = 0
    for _ in range(400):
        packet = random.bytes(random.between(1, 340))
        whole = encode(packet)
        body, check = frame(packet, view)
        assert bytes(view[:HEAD_BYTES]) + body + check == whole
        if len(whole) <= len(out):
            in_place += 1
            at = HEAD_BYTES + len(body)
            view[HEAD_BYTES:at] = body
            view[at : len(whole)] = check
            assert out[: len(whole)] == whole
    assert 20 < in_place < 380


@cases(PACKETS)
def test_round_trip(packet):
    for stuffing in (ALWAYS, LINES, PROMPT):
        whole = encode(packet, stuffing)
        assert decoded(parts(whole), whole[1]) == packet


def test_what_a_prompt_acts_on_never_goes_out():
    random = random_for("prompt")
    for _ in range(50):
        frame = encode(random.bytes(random.between(1, 200)), PROMPT)
        for byte in b"\x01\x02\x03\x04\x05\n\r":
            assert frame.find(bytes((byte,))) < 0
        assert frame.find(b"\x00", 1) < 0


def test_every_flipped_bit_is_noticed():
    packet = b"\x80some packet with \x00 and \x1b\n"
    body = parts(encode(packet, PROMPT))
    for i in range(len(body)):
        for bit in range(8):
            broken = bytearray(body)
            broken[i] ^= 1 << bit
            assert decoded(bytes(broken)) is None, (i, bit)


def test_base64_where_much_would_be_stuffed():
    for zeros, n, high in ((27, 100, 0x80), (28, 100, 0xC0), (56, 1024, 0x80), (57, 1024, 0xC0)):
        packet = bytes(zeros) + b"a" * (n - zeros)
        whole = encode(packet)
        assert whole[1] & 0xC0 == high, (zeros, n)
        assert decoded(parts(whole), whole[1]) == packet
    assert len(encode(bytes(MAX_PACKET_BYTES))) < 3 + 4 * (MAX_PACKET_BYTES + 8) // 3 + 2


def test_no_frame_is_much_longer_than_its_packet():
    random = random_for("longer")
    for _ in range(200):
        packet = bytes((random.below(28),)) * random.between(1, 600) + random.bytes(20)
        for stuffing in (ALWAYS, LINES, PROMPT):
            assert len(encode(packet, stuffing)) <= 3 + 16 + 8 + 4 * (len(packet) + 2) // 3


def test_damage_in_base64_gives_no_other_packet():
    packet = bytes(range(8)) * 6 + b"\x80"
    whole = encode(packet, PROMPT)
    assert whole[1] & 0x40
    body = parts(whole)
    noticed = 0
    for i in range(len(body)):
        for bit in range(8):
            broken = bytearray(body)
            broken[i] ^= 1 << bit
            got = decoded(bytes(broken), whole[1])
            assert got in (None, packet), (i, bit)
            noticed += got is None
    assert noticed > 8 * len(body) - 20  # all but those that fill up the last sign
    for end in range(len(body)):
        assert decoded(body[:end], whole[1]) in (None, packet)


@cases([(b"",), (b"=",), (b"AAAA",), (b"========",), (b"gGE=AAAAAA==",), (b"g" + b"=" * 20,)])
def test_damaged_base64(body):
    assert decoded(body, 0xC0) is None


@cases([(b"",), (b"\x1b",), (b"1234",), (b"\x00\x00\x00\x00",), (b"12345678\x1b",), (b"\x1b\x1b",)])
def test_damaged_bodies(body):
    assert decoded(body) is None


@cases([(0x7F, 0x80), (0x00, 0x00), (0xC0, 0x7F), (0x80, 0x7F), (0x7F, 0xFF), (0x41, 0x42)])
def test_no_length(high, low):
    assert body_length(high, low) == -1


@cases(
    [
        (0x80, 0x80, 0),
        (0x80, 0xFF, 127),
        (0x81, 0x80, 128),
        (0xBF, 0xFF, 8191),
        (0xC0, 0x81, 1),
        (0xFF, 0xFF, 8191),
    ]
)
def test_length(high, low, length):
    assert body_length(high, low) == length
