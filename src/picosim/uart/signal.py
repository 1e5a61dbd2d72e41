"""The levels on a UART's wire: what a receiver makes of them that works with other settings."""

from __future__ import annotations

from typing import NamedTuple

TOLERANCE = 0.03
"""Baud rates that differ by less understand each other."""


class Setting(NamedTuple):
    """How a port is set up."""

    baud: int
    bits: int = 8
    parity: int = 0
    """0 none, 1 odd, 2 even."""
    stop: int = 1
    inverted: bool = False

    @property
    def byte_s(self) -> float:
        """How long a byte takes on the wire."""
        return (1 + self.bits + (self.parity > 0) + self.stop) / self.baud


def understood(sent: Setting, heard: Setting) -> bool:
    """Whether a receiver set up as `heard` reads what a sender set up as `sent` means."""
    near = abs(sent.baud / heard.baud - 1) < TOLERANCE
    return near and sent[1:] == heard[1:] and sent.bits == 8


class Garbler:
    """Reads one end's levels with the other end's settings, bit by bit, as a receiver does."""

    def __init__(self, sent: Setting, heard: Setting) -> None:
        self._sent = sent
        self._heard = heard
        self._levels = bytearray(b"\x01")  # one a bit of the sender
        self._at = 1.0

    def feed(self, data: bytes, idle: bool) -> bytes:
        """The bytes that the receiver has read by now; `idle`: the sender pauses after `data`."""
        for byte in data:
            self._levels += _levels(byte, self._sent)
        ratio = self._sent.baud / self._heard.baud  # the sender's bits in one of the receiver's
        count = self._heard.bits + (self._heard.parity > 0)
        if idle:
            self._levels += b"\x01" * (int((count + 2) * ratio) + 2)
        levels = self._levels
        if self._sent.inverted != self._heard.inverted:
            levels = bytearray(1 - level for level in levels)
        read = bytearray()
        while True:
            start = levels.find(0, int(self._at))
            end = start + (count + 1.5) * ratio  # the middle of the stop bit
            if start < 0 or end >= len(levels):
                break
            if levels[int(start + ratio / 2)]:
                self._at = start + max(1.0, ratio / 2)  # too short for a start bit
                continue
            value = 0
            for bit in range(self._heard.bits):
                value |= levels[int(start + (bit + 1.5) * ratio)] << bit
            read.append(value)
            self._at = end
            if not levels[int(end)]:  # a framing error: the next start bit follows a high level
                high = levels.find(1, int(end))
                self._at = high if high >= 0 else len(levels)
        keep = int(self._at if start < 0 else min(start, len(levels)))
        keep = min(keep, len(levels))
        if idle or start < 0:
            keep = len(levels)
        del self._levels[:keep]
        self._at = max(0.0, self._at - keep)
        return bytes(read)


def _levels(byte: int, setting: Setting) -> bytes:
    data = [byte >> bit & 1 for bit in range(setting.bits)]
    parity = [(sum(data) + (setting.parity == 1)) & 1] if setting.parity else []
    return bytes([0, *data, *parity, *[1] * setting.stop])
