"""USB on a board: stdin and stdout, shared with the REPL and `print` (spec 2).

stdin can't say how much is there, and a read blocks until it is complete. So a frame is read as
head and rest, text byte by byte and, where there is much of it, in pieces; and a soft timer frees a
read or write that the host has left hanging, by a Ctrl-C (links/ctrl_c.py).
"""

import select
import sys

from ...core.failure import LinkError
from ...core.frames import HEAD_BYTES, body_length, decode_in, frame
from ..buffer import shared
from ..ctrl_c import ctrl_c

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_TAKES_BYTES = 1280  # a third of what fits into 4 kB, so that that goes in three
_MTU_BYTES = 4000
_TICK_MS = 40
_STALL_TICKS = 5  # of the timer: after 160 to 200 ms
_BUFFER_BYTES = HEAD_BYTES + 12 + 4 * (_TAKES_BYTES + 2) // 3  # a frame in base64
_BATCH = 8  # packets read before other tasks have their turn
_MOST_TEXT_BYTES = 2048  # so, too
_TYPED_BYTES = 128  # of text are read one by one; of more, pieces of:
_PIECE = bytes(256)
_DAMAGED = 4  # times in what is read at once


def _free(link: "UsbLink") -> None:
    link._busy = 1
    link._freed = True
    ctrl_c(None)  # nothing that jumps may follow


# What becomes of a count of ticks at the next, and what is to be done then: `_tick` must not jump.
_NEXT = (0,) + tuple(range(2, _STALL_TICKS + 2))
_DUE: "tuple[Callable[[UsbLink], object], ...]" = (id,) * (_STALL_TICKS + 1) + (_free,)


class UsbLink:
    """The USB port, as a link. After a stall it is lost, and `reopen` waits for the host."""

    stream = True
    reliable = True
    window_bytes = 0
    mtu_bytes = _MTU_BYTES
    takes_bytes = _TAKES_BYTES
    unsent = False
    rest = b""
    address = "usb:"

    def __init__(self) -> None:
        self.pollable = sys.stdin
        self.on_text: Callable[[bytes], object] = len
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        shared.least(_BUFFER_BYTES)
        self._busy = 0  # while a read or write may block: 1 and the timer's ticks
        self._freed = False
        self.reopen()

    def reopen(self) -> "UsbLink":
        """The link anew, after it was lost."""
        from machine import Timer

        self._framed = False  # whether what comes next should be a frame
        self._at = self._have = 0  # from where to where the buffer was not looked at
        self._skip = 0  # of it, should no more come
        self._sure = False  # that the last thing was a frame
        self._piece = 1  # bytes of text that are read at once
        self._timer = Timer(-1, mode=Timer.PERIODIC, period=_TICK_MS, callback=self._tick)
        return self

    def _tick(self, _: "Any") -> None:
        busy = self._busy = _NEXT[self._busy]
        _DUE[busy](self)

    def _interrupted(self, error: BaseException) -> None:
        self._busy = 0
        if not self._freed:
            raise error  # a real one: by the object itself it is known (node/interrupts.py)
        self._freed = False

    def receive(self) -> "list[bytes]":
        """The packets that have come; at least one byte is there to be read."""
        packets: list[bytes] = []
        text = bytearray()  # MicroPython hashes the whole of a bytes object that is made by adding
        poll = self._poll.poll
        self._damaged = 0
        while True:
            try:
                self._busy = 1
                while True:
                    text += self._one(packets)
                    if len(text) >= _TYPED_BYTES:
                        self._piece = len(_PIECE)
                    if self._at < self._have:
                        continue
                    if not poll(0):
                        self._piece = 1
                        break
                    if len(packets) >= _BATCH or len(text) >= _MOST_TEXT_BYTES:
                        break
                while self._busy:  # jumps once: an interrupt that is due comes here
                    self._busy = 0
                break
            except KeyboardInterrupt as error:
                self._interrupted(error)
                self._framed = False  # the host stopped in the middle of a frame: that is dropped
                self._piece = 1
                # Or of a piece of text, or of what was none: all that did not come is 0x00.
                self._at = 0
                have = self._have = len(bytes(shared.view[: self._have]).rstrip(b"\x00"))
                if self._skip:  # what follows is no text: only a frame is looked for
                    self._at = shared.data.find(b"\x00", 1, have)
                    self._skip = 0
                if not 0 <= self._at < have:
                    self._at = self._have = 0
                    break
            except MemoryError:
                self._busy = 0
                raise
        if text:
            self.on_text(bytes(text))
        return packets

    def _one(self, packets: "list[bytes]") -> bytes:
        """Reads a frame, or some text, which it returns. 0x00 in it stands for damage."""
        view = shared.view
        buffer = shared.data
        at = self._at
        have = self._have
        if at == have:
            at = self._at = self._have = 0
            have = HEAD_BYTES if self._framed else self._piece
            if have > HEAD_BYTES:
                view[:have][:] = _PIECE
                self._have = have
                self._skip = 0
            self._in.readinto(view[:have])
            self._have = have
        if view[at]:
            end = buffer.find(b"\x00", at, have)
            self._framed = end >= 0
            self._sure = False
            if end < 0:
                end = have
            self._at = end
            return bytes(view[at:end])
        if have - at < HEAD_BYTES:
            have = self._read_on(at, have, HEAD_BYTES)
            at = 0
        n = body_length(view[at + 1], view[at + 2])
        end = at + HEAD_BYTES + n
        if n < 0 or end - at > len(view):
            self._at = at + 1  # no frame begins here: look further
            return self._damage(at, have)
        if have < end:
            have = self._read_on(at, have, end - at)
            end -= at
            at = 0
        again = buffer.find(b"\x00", at + HEAD_BYTES, end)
        if again >= 0:
            self._at = again  # noise ate the end of this frame, and another has begun
            return self._damage(again, have)
        self._at = end
        packet = decode_in(buffer, view, at + HEAD_BYTES, end)
        self._framed = self._sure = packet is not None
        if packet is None:
            return b"\x00"
        packets.append(packet)
        return b""

    def _read_on(self, at: int, have: int, end: int) -> int:
        """Moves the frame at `at` to the front, and reads it to `end`; returns `end`."""
        view = shared.view
        if at:
            # Into a view of just that: else all that stands behind the place is moved, too.
            view[: have - at][:] = view[at:have]
            have -= at
        self._at = self._have = 0
        if not self._sure:  # perhaps it is none, and one that is lies in it: see `receive`
            view[have:end][:] = bytes(end - have)
            self._have = end
            self._skip = 1
        self._in.readinto(view[have:end])
        self._have = end
        return end

    def _damage(self, at: int, have: int) -> bytes:
        """Counts it. Where there is much of it, all that is here is text: a packet in it, if there
        is any, comes again."""
        self._framed = self._sure = False
        self._damaged += 1
        if self._damaged <= _DAMAGED:
            return b"\x00"
        self._at = have
        return bytes(shared.view[at:have])

    def send(self, packet: bytes) -> None:
        """Sends a packet: in one write where the buffer, in which is nothing while nobody receives,
        has room for its frame. To put a larger one together would take as much memory again."""
        view = shared.view
        body, check = frame(packet, view)
        at = HEAD_BYTES + len(body)
        end = at + len(check)
        shared.framed = True
        try:
            if end <= len(view):
                view[HEAD_BYTES:at][:] = body
                view[at:end][:] = check
                self.write(view[:end])
            else:
                for part in (view[:HEAD_BYTES], body, check):
                    self.write(part)
        finally:
            shared.framed = False

    def write(self, text: "bytes | memoryview") -> None:
        """Sends bytes as they are."""
        sent = 0
        self._busy = 1
        try:
            sent = self._out.write(text)
            while self._busy:
                self._busy = 0
        except KeyboardInterrupt as error:
            self._interrupted(error)
            raise LinkError("the host stopped reading")
        if sent is not None and sent < len(text):
            raise LinkError("the host stopped reading")

    def flush(self) -> None:
        """Nothing is ever unsent."""

    def close(self) -> None:
        """Ends it; the port stays the REPL's."""
        self._timer.deinit()


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> UsbLink:
    """The board's own USB port."""
    return UsbLink()
