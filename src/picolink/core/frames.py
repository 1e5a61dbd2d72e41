"""Frames among text (spec 2): how packets share a byte stream with `print` and typed lines.

A frame is 0x00, the length of what follows as two bytes with the high bit set, then packet and
CRC-32, stuffed. Everything else is text.
"""

from binascii import crc32
from struct import pack

MYPY = False
if MYPY:
    Stuffing = list[tuple[bytes, bytes]]  # a byte, and what stands for it

HEAD_BYTES = 3
MAX_STUFFED_BYTES = 8191
MAX_PACKET_BYTES = MAX_STUFFED_BYTES // 2 - 4
ALWAYS: "Stuffing" = [(b"\x1b", b"\x1b\x3b"), (b"\x00", b"\x1b\x20")]


def frame(
    packet: bytes, head: "bytearray | memoryview", stuffing: "Stuffing" = ALWAYS
) -> tuple[bytes, bytes]:
    """The frame of `packet`: its head is put into `head`, packet and CRC-32 are returned, stuffed.
    All apart, since on a board a copy costs more than all else."""
    check = pack("<I", crc32(packet))
    for plain, instead in stuffing:
        packet = packet.replace(plain, instead)
        check = check.replace(plain, instead)
    n = len(packet) + len(check)
    head[0] = 0
    head[1] = 0x80 | n >> 7
    head[2] = 0x80 | n & 0x7F
    return packet, check


_WHOLE = 0x2144DF1C  # the CRC-32 of anything that its own CRC-32 follows


def body_length(high: int, low: int) -> int:
    """The length that a frame's two length bytes tell, or -1 where they can't be a length."""
    if high & 0xC0 != 0x80 or low < 0x80:
        return -1
    return (high & 0x3F) << 7 | low & 0x7F


def decode_in(buffer: bytes | bytearray, view: memoryview, at: int, end: int) -> bytes | None:
    """The packet in a frame's stuffed body, which is `buffer` from `at` to `end`, and `view` a view
    of all of that; None where it was damaged. Undoes any escape, in place."""
    find = buffer.find
    escape = find(b"\x1b", at, end)
    if escape >= 0:
        plain = escape
        while escape >= 0:
            part = escape + 2
            if part > end:
                return None
            escape = find(b"\x1b", part, end)
            view[plain] = view[part - 1] ^ 0x20
            plain += 1
            left = (escape if escape >= 0 else end) - part
            view[plain : plain + left] = view[part : part + left]
            plain += left
        end = plain
    if end - at < 5 or crc32(view[at:end]) != _WHOLE:
        return None
    return bytes(view[at : end - 4])
