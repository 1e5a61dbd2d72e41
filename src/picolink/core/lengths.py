"""Length-prefixed packets (spec 3), for streams that belong to picolink alone: TCP.

A packet is preceded by its length, four bytes, big-endian, below 2^24: the first byte is always
0x00, which no line of text begins with.
"""

from struct import pack, unpack_from

HEAD_BYTES = 4


def encode(packet: bytes) -> bytes:
    """`packet` behind its length."""
    return pack(">I", len(packet)) + packet


class Decoder:
    """Cuts a stream into packets. `feed` raises ValueError on a length that can't be right: the
    stream can't be trusted any more and is to be closed."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that `data` completes."""
        if self._held:
            data = self._held + data
        packets: list[bytes] = []
        at = 0
        end = len(data)
        while at + HEAD_BYTES <= end:
            length = unpack_from(">I", data, at)[0]
            if not 0 < length <= self.max_bytes:
                self._held = b""
                raise ValueError("length %d" % length)
            if at + HEAD_BYTES + length > end:
                break
            at += HEAD_BYTES
            packet = data[at : at + length]
            packets.append(packet)
            at += length
        self._held = data[at:]
        return packets
