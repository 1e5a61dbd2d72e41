"""MQTT packets, on both interpreters: what the standard shows, cuts anywhere, and noise; which of
them an acknowledgement is for."""

from struct import pack

from both import MICROPYTHON, cases, count, raises, random_for

from picolink.links.mqtt import packets
from picolink.links.mqtt.packets import PIECE, PUBLISH, Decoder, Piece
from picolink.links.mqtt.unacked import Publish, Unacked


def publish(topic, payload, qos=0, retain=False, packet_id=0):
    return packets.publish_head(topic.encode(), len(payload), qos, retain, packet_id) + payload


def test_connect():
    assert packets.connect("", 60, True) == b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
    full = packets.connect("me", 7, False, "ann", "pw", ("a/b", b"gone", 1, True))
    assert full == (
        b"\x10\x22\x00\x04MQTT\x04\xec\x00\x07\x00\x02me\x00\x03a/b\x00\x04gone\x00\x03ann\x00\x02pw"
    )


def test_publish_and_back():
    for payload in (b"", b"on", b"x" * 125, b"y" * 126, b"z" * 16400):
        for qos, retain, packet_id in ((0, False, 0), (1, True, 300)):
            packet = publish("lab42/led", payload, qos, retain, packet_id)
            ((first, body),) = Decoder(20000).feed(packet)
            assert first & 0xF0 == PUBLISH
            found = packets.message(first, body)
            assert found == (packet_id, ("lab42/led", payload, qos, retain, False))
    ((first, body),) = Decoder(99).feed(packets.again(publish("t", b"1", 1, False, 5)))
    assert packets.message(first, body)[1].dup


def test_the_others():
    assert packets.puback(0x1234) == b"\x40\x02\x12\x34"
    assert packets.subscribe(10, [("a/b", 1), ("c/d", 0)]) == (
        b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x00"
    )
    assert packets.unsubscribe(10, ["a/b"]) == b"\xa2\x07\x00\x0a\x00\x03a/b"
    assert packets.connack(b"\x01\x00") == (True, 0)
    assert packets.connack(b"\x00\x05") == (False, 5)
    assert packets.number(b"\x01\x02") == 258


@cases([(127,), (128,), (16383,), (16384,), (2097151,), (2097152,), (268435455,)])
def test_lengths(n):
    head = packets.begin(0x30, n)
    assert Decoder(1)._begin(head, 0, len(head)) == (len(head), n)
    assert Decoder(1)._begin(head[:-1], 0, len(head) - 1) == (0, 0)


def test_what_is_too_long_to_be_sent():
    with raises(ValueError, "more than a message"):
        packets.begin(0x30, 268435456)
    with raises(ValueError, "65535"):
        packets.subscribe(1, [("x" * 65536, 0)])


def test_a_stream_cut_anywhere_gives_the_same_packets():
    random = random_for("cuts")
    good = [
        b"\x20\x02\x00\x00", b"\x40\x02\x00\x07", b"\xd0\x00", b"\x90\x03\x00\x01\x01",
        publish("a", b""), publish("room/temperature", b"x" * 300),
        publish("b", b"q" * 90, 1, True, 9),
    ]  # fmt: skip
    for _ in range(count(2000)):
        chosen = [random.choice(good) for _ in range(random.between(1, 12))]
        stream = b"".join(chosen)
        decoder = Decoder(400)
        got = []
        at = 0
        while at < len(stream):
            n = random.between(1, random.choice((1, 3, 40, 900)))
            got += decoder.feed(stream[at : at + n])
            at += n
        assert got == Decoder(400).feed(stream)
        assert [first for first, _ in got] == [packet[0] for packet in chosen]


def test_large_messages_come_in_pieces():
    random = random_for("pieces")
    payload = random.bytes(5000)
    stream = publish("a/b", payload, 1, False, 77) + publish("c", b"small")
    for _ in range(count(400)):
        decoder = Decoder(64)
        got = []
        at = 0
        while at < len(stream):
            n = random.between(1, random.choice((1, 7, 200, 6000)))
            got += decoder.feed(stream[at : at + n])
            assert len(decoder._held) <= 64 + 5
            at += n
        first, last = got.pop()
        assert packets.message(first, last)[1].payload == b"small"
        assert b"".join([piece.data for _, piece in got]) == payload
        offset = 0
        for kind, piece in got:
            assert kind == PIECE and len(piece.data) <= 64
            assert piece[2:] == (offset, 5000, 77, False) and piece.topic == "a/b"
            offset += len(piece.data)


def test_a_large_message_without_payload_to_spare():
    topic = "t" * 60
    decoder = Decoder(64)
    got = decoder.feed(publish(topic, b"abc"))
    assert got == [(PIECE, Piece(topic, b"abc", 0, 3, 0, False))]


def test_a_topic_that_is_too_large_to_be_held_is_skipped():
    random = random_for("overlong")
    stream = publish("t" * 70, b"abc") + publish("t" * 70, b"", 1, False, 0x1234)
    stream += b"\x34" + publish("t" * 300, b"x" * 100, 1, False, 9)[1:] + publish("c", b"small")
    skipped = [
        (kind, Piece("", b"", 0, 0, packet_id, False))
        for kind, packet_id in ((PIECE, 0), (PIECE, 0x1234), (PIECE | 4, 9))
    ]
    for _ in range(count(400)):
        decoder = Decoder(64)
        got = []
        at = 0
        while at < len(stream):
            n = random.between(1, random.choice((1, 7, 200, 600)))
            got += decoder.feed(stream[at : at + n])
            at += n
        first, last = got.pop()
        assert packets.message(first, last)[1].payload == b"small"
        assert got == skipped
    for bad in (b"\x30\x50\x00\x70" + bytes(78), b"\x32\x50\x00\x4d" + b"t" * 78):
        with raises(ValueError, "ends in its head"):
            Decoder(64).feed(bad)
    with raises(ValueError, "packet id 0"):
        Decoder(64).feed(publish("t" * 70, b"abc", 1, False, 0))


@cases(
    [
        (b"\x00", "begins with 0x00"),
        (b"\x10\x00", "begins with 0x10"),
        (b"\xf0\x00", "begins with 0xf0"),
        (b"\x41\x02\x00\x01", "begins with 0x41"),
        (b"\x60\x02\x00\x01", "begins with 0x60"),
        (b"\x36\x04\x00\x01ax", "QoS 3"),
        (b"\x30\xff\xff\xff\xff\x01", "more than four bytes"),
        (b"\x20\xff\x7f", "a packet of 16383 bytes"),
    ]
)
def test_what_no_broker_may_send(data, why):
    with raises(ValueError, why):
        Decoder(100).feed(data)


@cases(
    [
        (b"",),
        (b"\x00",),
        (b"\x00\x05ab",),
        (b"\x00\x01a\x00",),
        (b"\x00\x01a\x00\x00",),
        (b"\x00\x00\x00\x01",),
        (b"\x00\x03a/#\x00\x01",),
        (b"\x00\x02\xff\xfe\x00\x01",),
    ]
)
def test_messages_that_are_none(body):
    with raises(ValueError):
        packets.message(0x32, body)


def test_noise():
    """Only ValueError, bounded memory, and a new decoder goes on."""
    random = random_for("noise")
    good = [
        b"\x20\x02\x00\x00", b"\x40\x02\x00\x07", b"\xd0\x00", b"\x90\x03\x00\x01\x01",
        publish("a", b"1" * 20), publish("room/temperature", b"x" * 200),
        publish("b", b"q", 1, True, 9),
    ]  # fmt: skip
    decoder = Decoder(150)
    wrong = right = 0
    for _ in range(count(40_000 if MICROPYTHON else 400_000)):
        data = bytearray(random.choice(good))
        for _ in range(random.below(3)):
            data[random.below(len(data))] = random.choice(
                (0, 0x30, 0x32, 0x80, 0xFF, random.below(256))
            )
        try:
            for first, body in decoder.feed(bytes(data[: random.between(1, len(data))])):
                kind = first & 0xF0
                if kind == PUBLISH:
                    packets.message(first, body)
                elif kind == packets.CONNACK:
                    packets.connack(body)
                elif kind != PIECE:
                    packets.number(body)
                right += 1
        except ValueError:
            wrong += 1
            decoder = Decoder(150)
        assert len(decoder._held) <= 155
        assert decoder._body is None or len(decoder._body) <= 150
    assert right > wrong > 0
    assert pack(">H", 1) == b"\x00\x01"


def test_what_was_not_sent_on_this_connection_is_not_acknowledged():
    unacked = Unacked(3, 8, 1000)
    for _ in range(2):
        packet_id = unacked.next_id()
        unacked.add(Publish(publish("t", b"", 1, packet_id=packet_id), packet_id))
    one, two = unacked.next()[0], unacked.next()[0]
    unacked.reconnected()
    assert unacked.acknowledged(one.packet_id) is None
    assert [unacked.next()[0], unacked.next()[0]] == [one, two] and unacked.next() is None
    assert unacked.acknowledged(one.packet_id) is one
