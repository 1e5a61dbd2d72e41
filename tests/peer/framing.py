"""Packets in streams of bytes: sections 2 and 3 of the specification."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64decode, b64encode

ALWAYS = b"\x00\x1b"
PROMPT = ALWAYS + b"\x01\x02\x03\x04\x05\x0a\x0d"
UART = ALWAYS + b"\x0a\x0d"


def frame(packet: bytes, stuffed: bytes = ALWAYS) -> bytes:
    crc = struct.pack("<I", zlib.crc32(packet))
    base64 = sum(b in stuffed for b in packet) > 24 + len(packet) // 32  # 2.3.1
    if base64:
        body = b64encode(packet) + b64encode(crc)
    else:
        body = packet + crc
        body = b"".join(bytes([0x1B, b ^ 0x20]) if b in stuffed else bytes([b]) for b in body)
    return bytes([0, 0x80 | base64 << 6 | len(body) >> 7, 0x80 | len(body) & 0x7F]) + body


def unframe(stuffed: bytes, base64: bool = False) -> bytes | None:
    """The packet in a frame's body; None where it is damaged (2.5)."""
    if base64:
        try:
            packet, crc = b64decode(stuffed[:-8], validate=True), b64decode(stuffed[-8:])
        except ValueError:
            return None
        return packet if packet and crc == struct.pack("<I", zlib.crc32(packet)) else None
    if len(re.search(b"\x1b*$", stuffed)[0]) % 2:
        return None
    body = re.sub(rb"\x1b(.)", lambda m: bytes([m[1][0] ^ 0x20]), stuffed, flags=re.DOTALL)
    packet, crc = body[:-4], body[-4:]
    if not packet or crc != struct.pack("<I", zlib.crc32(packet)):
        return None
    return packet


class FrameReader:
    """Takes frames out of text, however the stream is cut."""

    def __init__(self) -> None:
        self.waiting = b""
        self.text = b""

    def feed(self, data: bytes) -> list[bytes]:
        self.waiting += data
        packets = []
        while self.waiting:
            begin = self.waiting.find(0)
            if begin:
                end = begin if begin > 0 else len(self.waiting)
                self.text += self.waiting[:end]
                self.waiting = self.waiting[end:]
                continue
            high, low = self.waiting[1:2], self.waiting[2:3]
            if (high and high[0] < 0x80) or (low and low[0] < 0x80):
                self.waiting = self.waiting[1:]  # no length: the 0x00 goes alone (2.6)
                continue
            if not low:
                break
            size = (high[0] & 0x3F) << 7 | low[0] & 0x7F
            body = self.waiting[3 : 3 + size]
            if 0 in body:  # the next frame cuts this one off (2.6)
                self.waiting = self.waiting[3 + body.index(0) :]
                continue
            if len(body) < size:
                break
            self.waiting = self.waiting[3 + size :]
            packet = unframe(body, bool(high[0] & 0x40))
            if packet is not None:
                packets.append(packet)
        return packets

    def silence(self) -> None:
        """200 ms without a byte: an unfinished frame is given up (2.8)."""
        self.waiting = b""


class BadLength(ConnectionError):
    """The connection has to be closed (3.2)."""


def prefixed(packet: bytes) -> bytes:
    return struct.pack(">I", len(packet)) + packet


class LengthReader:
    """Takes length-prefixed packets out of a stream."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.waiting = b""

    def feed(self, data: bytes) -> list[bytes]:
        self.waiting += data
        packets = []
        while len(self.waiting) >= 4:
            (size,) = struct.unpack_from(">I", self.waiting)
            if not 0 < size <= self.largest:
                raise BadLength(f"a packet of {size} bytes")
            if len(self.waiting) < 4 + size:
                break
            packets.append(self.waiting[4 : 4 + size])
            self.waiting = self.waiting[4 + size :]
        return packets
