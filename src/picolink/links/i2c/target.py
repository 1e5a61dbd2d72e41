"""The target's half of the mailbox, over the memory that a controller reads and writes (spec 13).

It runs from the interrupt that tells of a write, too, at any point between two bytecodes: that is
why `look` may come into itself, and what is read is copied before it is checked.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from .layout import (
    ACK,
    BEGIN,
    CHECK,
    COMMIT,
    END,
    FIRST,
    FRAME,
    HEAD,
    HEAD_BYTES,
    HEARD,
    LENGTH,
    MARK,
    MOST,
    NUMBER,
    NUMBERS,
    SIZE,
    TOGGLE,
    VERSION,
    WANTED,
    WORD,
    Pieces,
    anew,
    check,
)

MYPY = False
if MYPY:
    from collections.abc import Callable

_QUEUE = 8  # packets that nobody has taken yet, before the controller must wait
_LEAST = 6  # units of a frame


class Target:
    """One mailbox. `number`: of the frame before our first, at random, so that a controller knows
    a new mailbox's frames from the old one's."""

    def __init__(self, memory: bytearray, number: int) -> None:
        self.memory = memory
        self.packets: list[bytes] = []  # that have come
        self.waiting: list[bytes] = []  # to be sent
        self.damaged = 0  # frames that came so
        self.ready: Callable[[int], object] = int  # told 1 when a frame waits, 0 when it is read
        self._view = memoryview(memory)
        self._pieces = Pieces()
        self._number = number % NUMBERS + 1
        self._length = 0
        self._heard = 0
        self._out = b""  # the packet that is being sent
        self._at = self._count = 0
        self._busy = self._hinted = False
        memory[MARK : MARK + 2] = VERSION
        self._tell()

    def pending(self) -> bool:
        """Whether the controller wrote what was not looked at: its interrupt may have been lost."""
        mem = self.memory
        return (mem[COMMIT] not in (self._heard & NUMBERS, 0) and len(self.packets) < _QUEUE) or (
            self._length != 0 and mem[ACK] in (self._number, anew(self._number))
        )

    def look(self, hint: bool) -> None:
        """Takes what the controller has written; `hint`: just now."""
        self._hinted |= hint
        if self._busy:
            return  # whoever is busy looks again
        self._busy = True
        try:
            while True:
                hint, self._hinted = self._hinted, False
                self._look(hint)
                if not self._hinted:
                    break
        finally:
            self._busy = False

    def _look(self, hint: bool) -> None:
        mem = self.memory
        number = mem[COMMIT]
        if number not in (self._heard & NUMBERS, 0) and len(self.packets) < _QUEUE:
            self._take(number, hint)
        if self._length:
            ack = mem[ACK]
            if ack == self._number:
                self._length = 0
                self._at += self._count
                self._next()
            elif ack == anew(self._number):
                mem[ACK] = 0
                self._write(min(self._length, mem[WANTED] or MOST))
                self._tell()
        if hint:
            self._tell()  # a write that went astray may have hit it

    def _take(self, number: int, hint: bool) -> None:
        """Takes the controller's frame."""
        word, crc = unpack_from(HEAD, self.memory, WORD)
        start = WORD - (word & SIZE)
        piece = bytes(self._view[max(start, 0) : WORD])
        if start < FIRST or number > NUMBERS or crc32(piece, number | word << 8) != crc:
            if hint:
                self.damaged += 1
                self._heard ^= TOGGLE
            return
        packet = self._pieces.add(number, word, piece)
        if packet:
            self.packets.append(packet)
        self._heard = self._heard & TOGGLE | number
        self._tell()

    def send(self, packet: bytes) -> None:
        """Sends a packet, after those that wait."""
        self.waiting.append(packet)
        if not self._length:
            self._next()

    def _next(self) -> None:
        """Writes the next frame, if there is one."""
        if self._at >= len(self._out):
            self._at = 0
            self._out = self.waiting.pop(0) if self.waiting else b""
        if self._at < len(self._out):
            self._number = self._number % NUMBERS + 1
            self._write(self.memory[WANTED] or MOST)
        self._tell()

    def _write(self, units: int) -> None:
        """Writes the frame, of so many units at most."""
        at, out = self._at, self._out
        word = count = self._count = min(len(out) - at, 4 * max(units, _LEAST) - HEAD_BYTES)
        if at == 0:
            word |= BEGIN
        if at + count == len(out):
            word |= END
        start = FRAME + HEAD_BYTES
        piece = out if count == len(out) else memoryview(out)[at : at + count]
        self._view[start : start + count] = piece
        pack_into(HEAD, self.memory, FRAME, word, crc32(piece, self._number | word << 8))
        self._length = (HEAD_BYTES + count + 3) // 4

    def _tell(self) -> None:
        """Writes the status."""
        mem = self.memory
        length, number, heard = self._length, self._number, self._heard
        mem[LENGTH] = length
        mem[NUMBER] = number
        mem[HEARD] = heard
        mem[CHECK] = check(length, number, heard)
        self.ready(1 if length else 0)
