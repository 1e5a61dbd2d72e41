"""A stream of frames among text, read in whatever pieces it arrives (spec 2).

Boards have another way with their USB port (links/usb/board.py): they can't ask how much is there.
"""

from .frames import ALWAYS, HEAD_BYTES, body_length, decode_in, frame

MYPY = False
if MYPY:
    from collections.abc import Callable

    from .frames import Stuffing

#: What a frame may stuff: LF and CR too, so that no part of it is a line; and all that a prompt of
#: MicroPython would act on, Ctrl-A to Ctrl-E besides.
LINES = ALWAYS + [(b"\n", b"\x1b\x2a"), (b"\r", b"\x1b\x2d")]
PROMPT = LINES + [(bytes((c,)), bytes((0x1B, c ^ 0x20))) for c in b"\x01\x02\x03\x04\x05"]

_PRINTABLE = b"\t\n\r" + bytes(range(0x20, 0x7F))


def encode(packet: bytes, stuffing: "Stuffing" = ALWAYS) -> bytes:
    """The frame of `packet`, in which nothing of `stuffing` stands."""
    head = bytearray(HEAD_BYTES)
    return b"".join((head,) + frame(packet, head, stuffing))


def decode_body(data: bytes, at: int, end: int) -> bytes | None:
    """The packet in a frame whose body is `data` from `at` to `end`, behind its length; None where
    it was damaged."""
    if data.find(b"\x1b", at, end) < 0:
        return decode_in(data, memoryview(data), at, end)
    whole = bytearray(memoryview(data)[at - HEAD_BYTES : end])
    return decode_in(whole, memoryview(whole), HEAD_BYTES, len(whole))


class Decoder:
    """Splits a stream into packets and text. `feed` returns the packets; `text(bytes)` is called
    at once with what stood between them. A 0x00 inside a frame drops what stood before it."""

    def __init__(self, text: "Callable[[bytes], object]") -> None:
        self.text = text
        self.damaged = 0  # frames dropped
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that `data` completes."""
        if self._held:
            data = self._held + data
            self._held = b""
        packets: list[bytes] = []
        at = 0
        end = len(data)
        while at < end:
            start = data.find(b"\x00", at)
            if start != at:
                self.text(data[at : start if start >= 0 else end])
                if start < 0:
                    break
            at = start + HEAD_BYTES
            if at > end:
                if start + 1 < end and data[start + 1] < 0x80:
                    self.damaged += 1
                    at = start + 1
                    continue
                self._held = data[start:]
                break
            length = body_length(data[start + 1], data[start + 2])
            if length < 0:
                self.damaged += 1
                at = start + 1
                continue
            again = data.find(b"\x00", at, at + length)
            if again >= 0:
                self.damaged += 1
                at = again
                continue
            if at + length > end:
                self._held = data[start:]
                break
            packet = decode_body(data, at, at + length)
            at += length
            if packet is None:
                self.damaged += 1
            else:
                packets.append(packet)
        return packets

    @property
    def missing(self) -> int:
        """How many bytes the frame that has begun lacks at least; 0: none has begun."""
        held = self._held
        if len(held) < HEAD_BYTES:
            return HEAD_BYTES - len(held) if held else 0
        return HEAD_BYTES + body_length(held[1], held[2]) - len(held)

    def give_up(self) -> None:
        """Drops the unfinished frame; its printable tail is text (a print in a dead frame)."""
        held, self._held = self._held, b""
        if held:
            self.damaged += 1
            tail = held[len(held.rstrip(_PRINTABLE)) :]
            if tail:
                self.text(tail)
