"""A serial port as an examination has it: every byte is kept, and the baud rate is changed at will.
Host only."""

from __future__ import annotations

import termios

from ...core.errors import BadAddress, LinkError
from ...core.textstream import PROMPT, Decoder, encode
from ..usb.serial_port import set_baud
from .host import HostPort

_KEPT_BYTES = 65536


class Listening(HostPort):
    """A link, as far as a `Greeting` needs one, on an open port, whose rate is as before at the
    end."""

    mtu_bytes = 512
    takes_bytes = 512
    window_bytes = 0
    unsent = False

    def __init__(self, fd: int, path: str, baud: int) -> None:
        self._before = termios.tcgetattr(fd)
        super().__init__(fd, path, baud)
        self.pollable = fd
        self.last = b""  # frame that was sent
        self.on_text = self._ignore
        self._forget()

    def tune(self, baud: int) -> None:
        """Goes on at another rate; what was heard is forgotten."""
        try:
            set_baud(self.fd, self.path, baud)
        except BadAddress as error:
            raise LinkError(str(error)) from None
        termios.tcflush(self.fd, termios.TCIFLUSH)
        self.baud = baud
        self._forget()

    def _forget(self) -> None:
        self.heard = b""  # since the rate was set, whatever it is
        self.text = b""  # of it, what is no frame
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
        data = self.read()
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

    def close(self) -> None:
        """Closes the port, its rate as it was."""
        try:
            termios.tcsetattr(self.fd, termios.TCSANOW, self._before)
        except termios.error:
            pass  # unplugged
        super().close()
