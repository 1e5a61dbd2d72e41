"""A serial port as an examination has it: every byte is kept, and the baud rate is changed at will.
Host only."""

from __future__ import annotations

import os
import termios

from ...core.errors import LinkError
from ...core.textstream import PROMPT, Decoder, encode

_KEPT_BYTES = 65536


class Listening:
    """A link, as far as a `Greeting` needs one, on an open port, whose rate is as before at the
    end."""

    mtu_bytes = 512
    takes_bytes = 512
    window_bytes = 0
    unsent = False

    def __init__(self, fd: int) -> None:
        self.pollable = fd
        self.heard = b""  # since the rate was set, whatever it is
        self.text = b""  # of it, what is no frame
        self.last = b""  # frame that was sent
        self.on_text = self._ignore
        self._decoder = Decoder(self._text)
        self._before = termios.tcgetattr(fd)
        self.baud = 0

    @staticmethod
    def can(baud: int) -> bool:
        """Whether serial ports here know this rate."""
        return hasattr(termios, f"B{baud}")

    def set_baud(self, baud: int) -> None:
        """Goes on at another rate; what was heard is forgotten."""
        state = termios.tcgetattr(self.pollable)
        state[4] = state[5] = getattr(termios, f"B{baud}")
        try:
            termios.tcsetattr(self.pollable, termios.TCSADRAIN, state)
            termios.tcflush(self.pollable, termios.TCIFLUSH)
        except termios.error as error:
            raise LinkError(f"the port does not take {baud} baud: {error}") from None
        self.baud = baud
        self.heard = self.text = b""
        self._decoder = Decoder(self._text)

    def time_ms(self, count: int) -> int:
        """How long so many bytes take."""
        return 10_000 * count // self.baud

    @property
    def damaged(self) -> int:
        """Frames that came damaged."""
        return self._decoder.damaged

    def _ignore(self, text: bytes) -> None:
        pass

    def _text(self, text: bytes) -> None:
        self.text = (self.text + text)[-_KEPT_BYTES:]
        self.on_text(text)

    def receive(self) -> list[bytes]:
        """The packets that have come."""
        try:
            data = os.read(self.pollable, 4096)
        except BlockingIOError:
            return []
        except OSError as error:
            raise LinkError("it was unplugged") from error
        if not data:
            raise LinkError("it was unplugged")
        self.heard = (self.heard + data)[-_KEPT_BYTES:]
        return self._decoder.feed(data)

    def give_up(self) -> None:
        """An unfinished frame will not end any more."""
        if self._decoder.missing:
            self._decoder.give_up()

    def send(self, packet: bytes) -> None:
        """Sends a packet, so that no prompt and no login acts on a byte of it."""
        self.last = encode(packet, PROMPT)
        self.write(self.last)

    def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        try:
            os.write(self.pollable, data)
        except OSError as error:
            raise LinkError("it was unplugged") from error

    def close(self) -> None:
        """Closes the port, its rate as it was."""
        try:
            termios.tcsetattr(self.pollable, termios.TCSANOW, self._before)
        except termios.error:
            pass  # unplugged
        os.close(self.pollable)
