"""USB on a board: stdin and stdout, shared with the REPL and `print` (spec 2).

stdin can't say how much is there, and a read blocks until it is complete. So a frame is read as
head and rest, and a soft timer frees a read or write that the host has left hanging: for the
length of its callback it installs a console that holds one Ctrl-C, which comes out of the blocked
call as KeyboardInterrupt.
"""

import io
import os
import select
import sys

import micropython

from ...core.failure import LinkError
from ...core.frames import HEAD_BYTES, body_length, decode_in, frame

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_TAKES_BYTES = 1280  # a third of what fits into 4 kB, so that that goes in three
_MTU_BYTES = 4000
_TICK_MS = 40
_STALL_TICKS = 5  # of the timer: after 160 to 200 ms
_BATCH = 8  # packets read before other tasks have their turn


class _OneCtrlC(io.IOBase):
    """A console with a single Ctrl-C to read."""

    full = False

    def readinto(self, buffer: "Any") -> "int | None":
        if not self.full:
            return None
        self.full = False
        buffer[0] = 3
        return 1

    def write(self, data: "Any") -> int:
        return len(data)

    def ioctl(self, request: int, arg: int) -> int:
        return 0


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
        self._buffer = bytearray(HEAD_BYTES + 2 * (_TAKES_BYTES + 4))
        self._view = memoryview(self._buffer)
        self._head = self._view[:HEAD_BYTES]
        self._busy = 0  # while a read or write may block: 1 and the timer's ticks
        self._freed = False
        self._console = _OneCtrlC()
        self.reopen()

    def reopen(self) -> "UsbLink":
        """The link anew, after it was lost."""
        from machine import Timer

        self._framed = False  # whether what comes next should be a frame
        self._timer = Timer(-1, mode=Timer.PERIODIC, period=_TICK_MS, callback=self._tick)
        return self

    def _tick(self, _: "Any") -> None:
        if self._busy:
            self._busy += 1
            if self._busy > _STALL_TICKS:
                # Nothing that jumps may follow: the interrupt would be raised and lost here.
                self._busy = 1
                self._freed = self._console.full = True
                micropython.kbd_intr(3)
                old = os.dupterm(self._console)
                os.dupterm_notify(None)
                os.dupterm(old)

    def _interrupted(self, error: BaseException) -> None:
        self._busy = 0
        if not self._freed:
            raise error  # a real one: by the object itself it is known (node/interrupts.py)
        self._freed = False

    def receive(self) -> "list[bytes]":
        """The packets that have come; at least one byte is there to be read."""
        packets: list[bytes] = []
        text = b""
        poll = self._poll.poll
        try:
            while True:
                self._busy = 1
                text += self._one(packets)
                if len(packets) >= _BATCH or not poll(0):
                    break
            while self._busy:  # jumps once: an interrupt that is due comes here
                self._busy = 0
        except KeyboardInterrupt as error:
            self._interrupted(error)
            self._framed = False  # the host stopped in the middle of a frame: that is dropped
        except MemoryError:
            self._busy = 0
            raise
        if text:
            self.on_text(text)
        return packets

    def _one(self, packets: "list[bytes]") -> bytes:
        """Reads a frame, or a bit of text, which it returns. 0x00 in it stands for damage."""
        view = self._view
        readinto = self._in.readinto
        have = HEAD_BYTES if self._framed else 1
        readinto(self._head if self._framed else view[:1])
        text = b""
        while True:
            if view[0]:
                data = bytes(view[:have])
                start = data.find(b"\x00")
                self._framed = start >= 0
                if start < 0:
                    return text + data
                text += data[:start]
                have -= start
                view[:have] = data[start:]
            if have < HEAD_BYTES:
                readinto(view[have:HEAD_BYTES])
                have = HEAD_BYTES
            n = body_length(view[1], view[2])
            end = HEAD_BYTES + n
            if n < 0 or end > len(view):
                view[0] = 1  # no frame begins here: look further
                text += b"\x00"
                continue
            if have < end:
                readinto(view[have:end])
                have = end
            if self._buffer.find(b"\x00", HEAD_BYTES, end) < 0:
                break
            view[0] = 1  # noise ate the end of this frame, and another has begun
            text += b"\x00"
        packet = decode_in(self._buffer, view, HEAD_BYTES, end)
        self._framed = packet is not None
        if packet is None:
            return text + b"\x00"
        packets.append(packet)
        return text

    def send(self, packet: bytes) -> None:
        """Sends a packet: in one write where the buffer, in which is nothing while nobody receives,
        has room for its frame. To put a larger one together would take as much memory again."""
        view = self._view
        body, check = frame(packet, view)
        at = HEAD_BYTES + len(body)
        end = at + len(check)
        if end <= len(view):
            view[HEAD_BYTES:at] = body
            view[at:end] = check
            self.write(view[:end])
        else:
            for part in (self._head, body, check):
                self.write(part)

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
