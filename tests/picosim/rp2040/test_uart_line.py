"""Bytes on an emulated chip's UART wires, as who has another idea of the rate finds them."""

from __future__ import annotations

import pytest

from picosim.rp2040.uart_line import Frame


def frame(value: int, bit_ns: float = 1000.0) -> Frame:
    return Frame(value, 0.0, bit_ns, 8, 10)


@pytest.mark.parametrize("bit_ns", [960.0, 1000.0, 1040.0])
def test_rates_that_are_near_enough(bit_ns: float) -> None:
    for value in range(256):
        assert frame(value).sampled(bit_ns, 8) == (value, True)


def test_half_and_double_the_rate() -> None:
    # Each bit is seen twice, the start bit's second half first; the stop bit falls on a data bit.
    assert frame(0b00000101).sampled(500.0, 8) == (0b01100110, False)
    assert frame(0xFF).sampled(500.0, 8) == (0xFE, True)
    # Every other bit, and ones after the end.
    assert frame(0x00).sampled(2000.0, 8) == (0b11111000, True)


def test_when_it_is_taken() -> None:
    assert frame(0).stop_ns == 9500.0
