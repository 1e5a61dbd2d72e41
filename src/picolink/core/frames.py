"""Frames among text (spec 2): how packets share a byte stream with `print` and typed lines.

A frame is 0x00, the length of what follows as two bytes with the high bit set, then packet and
CRC-32, stuffed; or, where much of them would have to be, in base64. Everything else is text.
"""

from binascii import a2b_base64, b2a_base64, crc32
from struct import pack

MYPY = False
if MYPY:
    Stuffing = list[tuple[bytes, bytes]]  # a byte, and what stands for it

HEAD_BYTES = 3
MAX_STUFFED_BYTES = 8191
MAX_PACKET_BYTES = MAX_STUFFED_BYTES // 2 - 4
_BASE64 = 0x40  # in the first length byte
_CHECK_CHARS = 8  # of a CRC-32 in base64
_FEW = 24  # escapes that each frame may have, as a hello has; and one for each 32 bytes
ALWAYS: "Stuffing" = [(b"\x1b", b"\x1b\x3b"), (b"\x00", b"\x1b\x20")]


def frame(
    packet: bytes, head: "bytearray | memoryview", stuffing: "Stuffing" = ALWAYS
) -> tuple[bytes, bytes]:
    """The frame of `packet`: its head is put into `head`, packet and CRC-32 are returned, stuffed.
    All apart, since on a board a copy costs more than all else."""
    check = pack("<I", crc32(packet))
    body = packet
    tail = check
    for plain, instead in stuffing:
        body = body.replace(plain, instead)
        tail = tail.replace(plain, instead)
    n = len(packet)
    high = 0x80
    if len(body) - n > _FEW + (n >> 5):
        high = 0x80 | _BASE64
        body = b2a_base64(packet, newline=False)
        tail = b2a_base64(check, newline=False)
    n = len(body) + len(tail)
    head[0] = 0
    head[1] = high | n >> 7
    head[2] = 0x80 | n & 0x7F
    return body, tail


_WHOLE = 0x2144DF1C  # the CRC-32 of anything that its own CRC-32 follows


def body_length(high: int, low: int) -> int:
    """The length that a frame's two length bytes tell, or -1 where they can't be a length."""
    if high < 0x80 or low < 0x80:
        return -1
    return (high & 0x3F) << 7 | low & 0x7F


def decode_in(buffer: bytes | bytearray, view: memoryview, at: int, end: int) -> bytes | None:
    """The packet in a frame whose body is `buffer` from `at` to `end`, behind its length; `view` is
    a view of all of that. None where it was damaged. Undoes any escape, in place."""
    if buffer[at - 2] & _BASE64:
        return _decode_base64(view, at, end)
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
            # Into a view of just that: a board moves all that stands behind the place, too.
            view[plain : plain + left][:] = view[part : part + left]
            plain += left
        end = plain
    if end - at < 5 or crc32(view[at:end]) != _WHOLE:
        return None
    return bytes(view[at : end - 4])


def _decode_base64(view: memoryview, at: int, end: int) -> bytes | None:
    tail = end - _CHECK_CHARS
    if tail <= at:
        return None
    try:
        packet = a2b_base64(view[at:tail])
        if crc32(a2b_base64(view[tail:end]), crc32(packet)) == _WHOLE:
            return packet
    except ValueError:  # of what is no base64
        pass
    return None
