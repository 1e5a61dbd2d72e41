"""Packets and hellos as bytes: sections 1, 4 and 5 of the specification."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

VERSION = 1
SACK, ASK, BYE = 0x01, 0x02, 0x04
DATA, HELLO, GONE, QUIET, SILENT, RATE = 0x80, 0x48, 0x47, 0x46, 0x45, 0x44
FRESH, REFUSED = 0x01, 0x02
RAW, LONG, PART = 0x10, 0x20, 0x40
NOTHING, CALL, REPLY, ERROR, ITEMS, BEGUN, CANCEL, CREDIT = 0, 6, 7, 8, 9, 12, 14, 15

NUMBERS = 1 << 16
CLOCKS = 1 << 30
ALL_SEEN = (1 << 30) - 1
OVERHEAD = 18


class Malformed(ValueError):
    """Bytes that the specification does not allow."""


def distance(a: int, b: int, modulus: int = NUMBERS) -> int:
    """How far b is ahead of a; negative where it is behind."""
    d = (b - a) % modulus
    return d if d < modulus // 2 else d - modulus


@dataclass
class Message:
    """A message, or with ``part`` (offset, total) a fragment of one."""

    kind: int
    id: int
    ref: int
    body: bytes
    part: tuple[int, int] | None = None

    @property
    def what(self) -> int:
        """The kind without its flags; 0x80 belongs to it (5.2)."""
        return self.kind & 0x8F

    def encode(self) -> bytes:
        kind = self.kind if self.part is None else self.kind | PART
        offsets = b"" if self.part is None else struct.pack("<II", *self.part)
        return struct.pack("<BHH", kind, self.id, self.ref) + offsets + self.body

    @classmethod
    def decode(cls, data: bytes) -> Message:
        if len(data) < 6:
            raise Malformed("a message without a body")
        kind, id_, ref = struct.unpack_from("<BHH", data)
        if not kind & PART:
            return cls(kind, id_, ref, data[5:])
        if len(data) < 14:
            raise Malformed("a fragment without a byte of its message")
        return cls(kind, id_, ref, data[13:], struct.unpack_from("<II", data, 5))


@dataclass
class Data:
    """A data packet; ``seen`` is the bitmap, None where all 30 were received."""

    tag: int
    number: int
    top: int
    seen: int | None = None
    clock: int | None = None
    bye: bool = False
    message: Message | None = None

    def encode(self) -> bytes:
        first = DATA | (BYE if self.bye else 0)
        first |= (0 if self.seen is None else SACK) | (0 if self.clock is None else ASK)
        packet = struct.pack("<BIHH", first, self.tag, self.number, self.top)
        for word in (self.seen, self.clock):
            packet += b"" if word is None else struct.pack("<I", word)
        return packet + (self.message.encode() if self.message else b"")

    @classmethod
    def decode(cls, packet: bytes) -> Data:
        if len(packet) < 9 or packet[0] & ~(SACK | ASK | BYE) != DATA:
            raise Malformed("no data packet of this version")
        first, tag, number, top = struct.unpack_from("<BIHH", packet)
        words = [flag for flag in (SACK, ASK) if first & flag]
        rest = 9 + 4 * len(words)
        if len(packet) < rest:
            raise Malformed("a data packet that is cut off")
        found = dict(zip(words, struct.unpack_from(f"<{len(words)}I", packet, 9)))
        seen = found[SACK] & ALL_SEEN if SACK in found else None
        carries = packet[rest:] if not first & (ASK | BYE) else b""
        message = Message.decode(carries) if carries else None
        return cls(tag, number, top, seen, found.get(ASK), bool(first & BYE), message)

    def acknowledges(self, number: int) -> bool:
        """Whether this packet says that its sender has received the packet of that number."""
        behind = distance(number, self.top)
        if behind <= 0 or behind > 30:
            return behind == 0
        return self.seen is None or bool(self.seen >> (behind - 1) & 1)


@dataclass
class Lane:
    """What a hello says of one lane: what was delivered, and where it began."""

    lowest: int = 0
    delivered: int = 0
    first: int = 0


@dataclass
class Hello:
    """The fields of a hello, in the order of the bytes."""

    version: int = VERSION
    flags: int = FRESH
    session: bytes = bytes(8)
    tag: int = 0
    echo: int = 0
    clock: int = 0
    mtu: int = 512
    window: int = 4096
    limit: int = 16384
    short: Lane = field(default_factory=Lane)
    long: Lane = field(default_factory=Lane)
    uid: bytes = b""
    name: str = ""

    @property
    def fresh(self) -> bool:
        return bool(self.flags & FRESH)

    @property
    def refused(self) -> bool:
        return bool(self.flags & REFUSED)

    def encode(self) -> bytes:
        return (
            struct.pack(
                "<BB8sIII", self.version, self.flags, self.session, self.tag, self.echo, self.clock
            )
            + struct.pack("<HII", self.mtu, self.window, self.limit)
            + struct.pack("<HIH", self.short.lowest, self.short.delivered, self.short.first)
            + struct.pack("<HIH", self.long.lowest, self.long.delivered, self.long.first)
            + bytes([len(self.uid)])
            + self.uid
            + self.name.encode()
        )

    @classmethod
    def decode(cls, body: bytes) -> Hello:
        """Reads the body of a hello of this version; 4.15 says which are none."""
        if len(body) < 50 or not body[48] or len(body) < 49 + body[48]:
            raise Malformed("a hello that is too short, or without a unique id")
        version, flags, session, tag, echo, clock = struct.unpack_from("<BB8sIII", body)
        if not tag and not echo:
            raise Malformed("a hello with neither tag nor echo")
        mtu, window, limit = struct.unpack_from("<HII", body, 22)
        short, long = (Lane(*struct.unpack_from("<HIH", body, at)) for at in (32, 40))
        uid, name = body[49 : 49 + body[48]], body[49 + body[48] :].split(b"\0")[0]
        fields = (version, flags, session, tag, echo, clock, mtu, window, max(limit, 64))
        return cls(*fields, short, long, uid, name.decode("utf-8", "replace"))

    def with_(self, **fields: object) -> Hello:
        return replace(self, **fields)


def pieces(body: bytes, number: int, size: int) -> list[bytes]:
    """Cuts a hello into packets of at most ``size`` bytes (4.12)."""
    room = size - 4
    cut = [body[at : at + room] for at in range(0, len(body), room)]
    return [bytes([HELLO, number % 256, i, len(cut)]) + part for i, part in enumerate(cut)]


class Pieces:
    """Puts hellos together again: pieces of one number and one count only (4.13)."""

    def __init__(self) -> None:
        self.of: tuple[int, int] | None = None
        self.parts: dict[int, bytes] = {}

    def add(self, packet: bytes) -> bytes | None:
        if len(packet) < 5 or packet[2] >= packet[3] or len(packet) * packet[3] > 2048:
            return None
        if self.of != (packet[1], packet[3]):
            self.of, self.parts = (packet[1], packet[3]), {}
        self.parts[packet[2]] = packet[4:]
        if len(self.parts) < packet[3]:
            return None
        body = b"".join(self.parts[i] for i in range(packet[3]))
        self.of, self.parts = None, {}
        return body
