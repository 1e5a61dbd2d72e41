"""MQTT 3.1.1 packets, to bytes and from bytes, as a client needs them. Sans-IO.

`Decoder.feed` raises ValueError on what no broker may send: the connection is to be closed.
"""

from struct import pack, unpack_from

MYPY = False
if MYPY:
    from typing import Any, NamedTuple

    class Message(NamedTuple):
        """What was published."""

        topic: str
        payload: bytes
        qos: int  # that it came with: 0 or 1; 2 where an older program asked for that
        retain: bool  # the broker kept it: it was published before we subscribed
        dup: bool  # it may have come before

    class Piece(NamedTuple):
        """A part of a message that is too large to be held."""

        topic: str
        data: bytes
        offset: int  # of `data` in the payload, bytes
        total: int  # bytes of the payload
        packet_id: int  # 0 at QoS 0
        retain: bool

else:
    from collections import namedtuple

    Message = namedtuple("Message", ("topic", "payload", "qos", "retain", "dup"))
    Piece = namedtuple("Piece", ("topic", "data", "offset", "total", "packet_id", "retain"))

# What a packet is: the high half of its first byte.
PIECE = 0x00  # of ours: `Decoder` says so that a Piece follows
CONNACK = 0x20
PUBLISH = 0x30
PUBACK = 0x40
PUBREL = 0x60  # with 2 in the low half
SUBACK = 0x90
UNSUBACK = 0xB0
PINGRESP = 0xD0

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

_DUP = 8
_LONGEST = 0x0FFFFFFF  # bytes that a remaining length can tell

_PLAIN = (CONNACK, PUBACK, PUBREL | 2, SUBACK, UNSUBACK, PINGRESP)


def begin(first: int, n: int) -> bytes:
    """The fixed head of a packet of which `n` bytes follow."""
    if n < 128:
        return bytes((first, n))
    if n > _LONGEST:
        raise ValueError("%d bytes are more than a message of MQTT can have" % n)
    head = [first]
    while n > 127:
        head.append(n & 127 | 128)
        n >>= 7
    head.append(n)
    return bytes(head)


def _text(data: "str | bytes") -> bytes:
    if isinstance(data, str):
        data = data.encode()
    if len(data) > 0xFFFF:
        raise ValueError("%d bytes of text; MQTT takes 65535" % len(data))
    return pack(">H", len(data)) + data


def connect(
    client_id: str, keepalive_s: int, clean: bool, user: "str | None" = None,
    password: "str | bytes | None" = None, will: "tuple[str, bytes, int, bool] | None" = None,
) -> bytes:  # fmt: skip
    """The first packet. `will`: topic, payload, QoS, retain."""
    flags = 2 if clean else 0
    rest = _text(client_id)
    if will is not None:
        topic, payload, qos, retain = will
        flags |= 4 | qos << 3 | (32 if retain else 0)
        rest += _text(topic) + _text(payload)
    if user is not None:
        flags |= 128
        rest += _text(user)
        if password is not None:
            flags |= 64
            rest += _text(password)
    rest = b"\x00\x04MQTT\x04" + pack(">BH", flags, keepalive_s) + rest
    return begin(0x10, len(rest)) + rest


def publish_head(topic: bytes, n: int, qos: int, retain: bool, packet_id: int) -> bytes:
    """All of a PUBLISH but its payload of `n` bytes."""
    first = PUBLISH | qos << 1 | retain
    size = len(topic)
    if qos:
        return begin(first, n + size + 4) + pack(">H", size) + topic + pack(">H", packet_id)
    return begin(first, n + size + 2) + pack(">H", size) + topic


def again(packet: bytes) -> bytes:
    """A PUBLISH as it is sent once more."""
    return bytes((packet[0] | _DUP,)) + packet[1:]


def puback(packet_id: int, kind: int = PUBACK) -> bytes:
    """Takes a message of QoS 1 over; other kinds are for QoS 2."""
    return pack(">BBH", kind, 2, packet_id)


def subscribe(packet_id: int, wanted: "list[tuple[str, int]]") -> bytes:
    """Asks for topic filters, each with a QoS."""
    rest = pack(">H", packet_id)
    for topic, qos in wanted:
        rest += _text(topic) + bytes((qos,))
    return begin(0x82, len(rest)) + rest


def unsubscribe(packet_id: int, topics: "list[str]") -> bytes:
    """Asks for topic filters no more."""
    rest = pack(">H", packet_id)
    for topic in topics:
        rest += _text(topic)
    return begin(0xA2, len(rest)) + rest


def _head(flags: int, body: "bytes | bytearray") -> "tuple[str, int, int] | None":
    """Topic and packet id of a PUBLISH, and where its payload begins; None where there is more to
    come."""
    if len(body) < 2:
        return None
    end = 2 + int(unpack_from(">H", body)[0])
    at = end + 2 if flags & 6 else end
    if at > len(body):
        return None
    packet_id = 0
    if flags & 6:
        packet_id = unpack_from(">H", body, end)[0]
        if not packet_id:
            raise ValueError("a message with packet id 0")
    topic = str(body[2:end], "utf-8")
    if not topic or "+" in topic or "#" in topic or "\x00" in topic:
        raise ValueError("a message to the topic %r" % topic[:40])
    return topic, packet_id, at


def message(first: int, body: bytes) -> "tuple[int, Message]":
    """Packet id (0 at QoS 0) and content of a PUBLISH; ValueError where it is none."""
    found = _head(first, body)
    if found is None:
        raise ValueError("a message that ends in its head")
    topic, packet_id, at = found
    payload = body[at:]
    return packet_id, Message(topic, payload, first >> 1 & 3, first & 1 == 1, first & _DUP != 0)


def number(body: bytes) -> int:
    """The packet id of an acknowledgement."""
    if len(body) < 2:
        raise ValueError("an acknowledgement of %d bytes" % len(body))
    return int(unpack_from(">H", body)[0])


def connack(body: bytes) -> "tuple[bool, int]":
    """Whether the broker has our session, and its verdict (0: welcome)."""
    if len(body) != 2 or body[0] > 1:
        raise ValueError("a CONNACK that can't be read")
    return body[0] == 1, body[1]


class Decoder:
    """Cuts what a broker sends into packets: (first byte, what follows its head).

    A message above `limit_bytes` comes as several of (PIECE, Piece) instead, with the bit of QoS 2
    where it has that, one with a topic above it as an empty Piece without topic; another packet
    above it is an error.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._held = b""  # of a packet whose head is not complete
        self._first = 0
        self._body: bytearray | None = None  # of a packet, to be filled
        self._have = 0
        self._large: tuple[str, int, int] | None = None  # topic, packet id, bytes of the payload
        self._offset = 0
        self._skipped: Any = None  # overlong.Overlong

    def feed(self, data: bytes) -> "list[tuple[int, Any]]":
        """The packets that `data` completes."""
        packets: list[tuple[int, Any]] = []
        at = 0
        if self._held:
            data = self._held + data
            self._held = b""
        end = len(data)
        while at < end:
            if self._large is not None:
                at = self._piece(packets, data, at)
            elif self._skipped is not None:
                at = self._skipped.take(packets, data, at)
                if self._skipped.over():
                    self._skipped = None
            elif self._body is not None:
                body = self._body
                have = self._have
                n = min(len(body) - have, end - at)
                memoryview(body)[have : have + n][:] = data[at : at + n]
                self._have = have + n
                at += n
                if self._have == len(body):
                    packets.append((self._first, bytes(body)))
                    self._body = None
            else:
                start, n = self._begin(data, at, end)
                if not start:
                    self._held = data[at:]
                    break
                first = data[at]
                if n > self.limit_bytes:
                    at = self._begin_large(first, n, data, at, start)
                    if at < 0:
                        break
                elif start + n <= end:
                    packets.append((first, data[start : start + n]))
                    at = start + n
                else:
                    self._first = first
                    self._body = bytearray(n)
                    self._have = 0
                    at = start
        return packets

    def _begin(self, data: bytes, at: int, end: int) -> "tuple[int, int]":
        """Where the body of the packet at `at` begins (0: its head is not complete), and its
        length."""
        first = data[at]
        if first & 0xF0 != PUBLISH:
            if first not in _PLAIN:
                raise ValueError("a packet that begins with 0x%02x" % first)
        elif first & 6 == 6:
            raise ValueError("a message of QoS 3")
        start = at + 1
        n = shift = 0
        while start < end:
            digit = data[start]
            start += 1
            n |= (digit & 127) << shift
            if digit < 128:
                return start, n
            shift += 7
            if shift > 21:
                raise ValueError("a length of more than four bytes")
        return 0, 0

    def _begin_large(self, first: int, n: int, data: bytes, at: int, start: int) -> int:
        """A message too large to be held begins: returns where its payload does, -1 where more
        must come."""
        if first & 0xF0 != PUBLISH:
            raise ValueError("a packet of %d bytes" % n)
        head = data[start : start + min(n, self.limit_bytes)]
        found = _head(first, head)
        if found is None:
            if len(head) == self.limit_bytes:
                from .overlong import Overlong

                id_at = 2 + unpack_from(">H", head)[0]
                if id_at + (2 if first & 6 else 0) > n:
                    raise ValueError("a message that ends in its head")
                self._skipped = Overlong(first, n, id_at)
                return start
            self._held = data[at:]
            return -1
        topic, packet_id, offset = found
        self._first = first
        self._large = topic, packet_id, n - offset
        self._offset = 0
        return start + offset

    def _piece(self, packets: "list[tuple[int, Any]]", data: bytes, at: int) -> int:
        assert self._large is not None
        topic, packet_id, total = self._large
        piece = data[at : at + min(total - self._offset, self.limit_bytes)]
        retain = self._first & 1 == 1
        kind = PIECE | self._first & 4
        packets.append((kind, Piece(topic, piece, self._offset, total, packet_id, retain)))
        self._offset += len(piece)
        if self._offset == total:
            self._large = None
        return at + len(piece)
