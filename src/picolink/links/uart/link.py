"""A UART as a link, on both interpreters (spec 2): frames among text, on a wire that loses bytes.

What differs is the port: `read()` gives what has come, `write(data)` says how many bytes it took,
`clock()` gives milliseconds, `ahead()` says whether so much is written that more would only delay
what is said next (acknowledgements ride on it), and `need` tells a port that can count how many
bytes are worth waking up for.
"""

from ...core.textstream import LINES, Decoder, encode
from ...core.timing import TIMES
from ..write_buffer import WriteBuffer

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from .negotiation import Fast

_LEAST_BYTES = 16  # of a frame
_SPEED = 0x44  # first byte of the packets that agree on another baud rate


class UartLink(WriteBuffer):
    """One port. It stays open, and serves whoever comes next."""

    stream = True
    reliable = False
    shared = True  # a node that serves it and dials on it has it once
    mtu_bytes = 683  # larger packets gain little and are flipped more often
    texts = 0  # heard
    _marked = 0  # damaged frames that text was marked for

    def __init__(
        self, port: "Any", pollable: "Any", address: str, baud: int, rx_bytes: int,
        fast: int = 0,
    ) -> None:  # fmt: skip
        self.port = port
        self.pollable = pollable
        self.address = address
        # What is under way to us fits into half our buffer, were every byte of it stuffed.
        self.window_bytes = rx_bytes // 4
        self.takes_bytes = self.window_bytes // 3 + 1
        self._write = port.write  # type: ignore[method-assign]
        self.ahead = port.ahead  # type: ignore[method-assign]
        self.on_text: Callable[[bytes], object] = len
        self.decoder = Decoder(self._text)
        self._heard_ms = 0
        self._baud = baud
        self.fast: Fast | None = None
        if fast:
            self.fast = self._negotiator(fast)

    @property
    def damaged(self) -> int:
        """Frames that came damaged."""
        return self.decoder.damaged

    def _text(self, text: bytes) -> None:
        self.texts += 1
        # A line that holds 0x00 is never run: no part of a broken frame becomes one.
        damaged = self.damaged
        if self._marked != damaged:
            self._marked = damaged
            text = b"\x00" + text
        self.on_text(text)

    def receive(self) -> "list[bytes]":
        """The packets that have come."""
        port = self.port
        data = port.read()
        if not data:
            return []
        decoder = self.decoder
        now_ms = port.clock()
        if decoder.missing and now_ms - self._heard_ms & 0x3FFFFFFF >= TIMES["partial"]:
            decoder.give_up()
        self._heard_ms = now_ms
        packets = decoder.feed(data)
        port.need = decoder.missing or _LEAST_BYTES
        fast = self.fast
        if fast is None:
            if not packets or packets[0][0] != _SPEED:
                return packets
            self.fast = fast = self._negotiator(0)
        return fast.hear(packets)

    def _negotiator(self, wanted: int) -> "Fast":
        from .negotiation import Fast

        return Fast(self, self._baud, wanted)

    def send(self, packet: bytes) -> None:
        """Sends a packet, in one write."""
        if self.fast is not None:
            self.fast.saying()
        self.transmit(packet)

    def transmit(self, packet: bytes) -> None:
        """The same, at whatever rate."""
        self.write(encode(packet, LINES))

    def close(self) -> None:
        """Closes the port."""
        self.port.close()
