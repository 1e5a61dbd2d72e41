"""The UART block, a PL011 (RP2040 data sheet, 4.2): FIFOs both ways, bytes that take their time.

The emulator's own sends at once, has no FIFO for it, and asks for more without end. Left out here
are the modem's lines (CTS, RTS and so on: nobody holds the sender up) and parity's bit. Wires are
joined at the blocks, not at the pins: whichever pins a program chooses.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from rp2040py.irq import IRQ
from rp2040py.peripherals.dma import DREQChannel
from rp2040py.peripherals.peripheral import BasePeripheral
from rp2040py.rp2040 import RP2040

from picosim.rp2040.uart_line import Frame

if TYPE_CHECKING:
    from picosim.rp2040.chip import Chip

BASES = (0x40034, 0x40038)
"""Of the two blocks, as the emulator counts."""
FIFO_DEPTH = 32
_LEVELS = (4, 8, 16, 24, 28)  # by UARTIFLS: an eighth, a quarter, half, ...
_CLOCKS_HZ = {0: 125_000_000, 1: 125_000_000, 2: 48_000_000, 4: 12_000_000}
"""Of clk_peri by its source (2.15.7): the processor's, twice; USB's, which MicroPython takes; the
crystal."""
_SOURCE_SHIFT = 5
_TIMEOUT_BITS = 32
_BREAK_BITS = 10

# Registers (4.2.8).
_DR, _RSR, _FR, _ILPR, _IBRD, _FBRD = 0x00, 0x04, 0x18, 0x20, 0x24, 0x28
_LCR_H, _CR, _IFLS, _IMSC, _RIS, _MIS = 0x2C, 0x30, 0x34, 0x38, 0x3C, 0x40
_ICR, _DMACR = 0x44, 0x48
_IDS = {
    0xFE0: 0x11, 0xFE4: 0x10, 0xFE8: 0x34, 0xFEC: 0x00,
    0xFF0: 0x0D, 0xFF4: 0xF0, 0xFF8: 0x05, 0xFFC: 0xB1,
}  # fmt: skip
_BUSY, _RXFE, _TXFF, _RXFF, _TXFE = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_FRAMING, _PARITY, _BREAK, _OVERRUN = 1 << 8, 1 << 9, 1 << 10, 1 << 11  # of UARTDR
_LINE_BREAK, _LINE_PARITY, _LINE_STOP2, _LINE_FIFO, _LINE_LENGTH_SHIFT = 1, 2, 8, 16, 5
_ENABLED, _LOOPBACK, _SENDS, _RECEIVES = 1 << 0, 1 << 7, 1 << 8, 1 << 9
_RX, _TX, _RT, _FE, _PE, _BE, _OE = (1 << bit for bit in range(4, 11))
_DMA_RX, _DMA_TX = 1, 2
_DREQS = (
    (DREQChannel.DREQ_UART0_RX, DREQChannel.DREQ_UART0_TX),
    (DREQChannel.DREQ_UART1_RX, DREQChannel.DREQ_UART1_TX),
)


class Ear(Protocol):
    """Whatever is at the other end of a TX wire."""

    def hear(self, frame: Frame) -> None:
        """A byte begins."""

    def hear_break(self, low: bool, at_ns: float) -> None:
        """The wire is held low from now on, or no more."""


class Plug:
    """The pins of one UART, which stay where they are while the chip is reset. What it sends goes
    to `peer`; it hears what comes."""

    def __init__(self, chip: Chip, number: int) -> None:
        self.chip = chip
        self.number = number
        self.peer: Ear | None = None
        self.sent = 0
        self.heard = 0

    def install(self, chip: RP2040) -> None:
        """Put a new block into the chip."""
        self.block = Uart(chip, self)
        chip.uart[self.number] = self.block  # type: ignore[call-overload]
        chip.peripherals[BASES[self.number]] = self.block

    def hear(self, frame: Frame) -> None:
        """A byte begins; it is taken in the middle of its stop bit."""
        self.heard += 1
        block = self.block
        self.chip.at(frame.stop_ns, lambda: block.receive(frame))

    def hear_break(self, low: bool, at_ns: float) -> None:
        """The wire is held low."""
        block = self.block
        self.chip.at(at_ns, lambda: block.receive_break(low))


def join(one: Plug, other: Plug) -> None:
    """Cross the wires of two."""
    one.peer, other.peer = other, one


class Uart(BasePeripheral):
    """The block."""

    def __init__(self, chip: RP2040, plug: Plug) -> None:
        super().__init__(chip, f"UART{plug.number}")
        self._plug = plug
        self._irq = IRQ.UART0 + plug.number
        self._dreqs = _DREQS[plug.number]
        self._tx: deque[int] = deque()
        self._rx: deque[int] = deque()
        self._sent_alarm = chip.clock.create_alarm(self._sent)
        self._timeout_alarm = chip.clock.create_alarm(self._timed_out)
        self._break_alarm = chip.clock.create_alarm(self._broken)
        self._shifting = False
        self.reset()

    def reset(self) -> None:
        if getattr(self, "_line", 0) & _LINE_BREAK:
            self._hold(False)
        self._tx.clear()
        self._rx.clear()
        self._shifting = False
        self._sent_alarm.cancel()
        self._timeout_alarm.cancel()
        self._registers = {_ILPR: 0, _IBRD: 0, _FBRD: 0, _IFLS: 0x12, _DMACR: 0}
        self._line = 0
        self._control = _SENDS | _RECEIVES
        self._errors = 0  # of UARTRSR
        self._overrun = False
        self._raw = self._mask = 0
        self._interrupting = False
        self.bit_ns = 0.0
        self.rp2040.set_interrupt(self._irq, False)
        self._demand()

    # -- how it is set

    @property
    def depth(self) -> int:
        """Of its FIFOs."""
        return FIFO_DEPTH if self._line & _LINE_FIFO else 1

    @property
    def data_bits(self) -> int:
        """Of a byte."""
        return 5 + (self._line >> _LINE_LENGTH_SHIFT & 3)

    @property
    def frame_bits(self) -> int:
        """Of a byte, with all that stands around it."""
        parity = bool(self._line & _LINE_PARITY)
        return 2 + self.data_bits + parity + bool(self._line & _LINE_STOP2)

    def _level(self, shift: int) -> int:
        if not self._line & _LINE_FIFO:
            return 1
        return _LEVELS[min(self._registers[_IFLS] >> shift & 7, 4)]

    def _latch(self) -> None:
        # The divisors count from a write of UARTLCR_H on (4.2.7.1).
        divisor = self._registers[_IBRD] + self._registers[_FBRD] / 64
        source = self.rp2040.clocks.peri_ctrl >> _SOURCE_SHIFT & 7
        self.bit_ns = 16 * divisor * 1e9 / _CLOCKS_HZ.get(source, _CLOCKS_HZ[0])

    # -- sending

    def _send(self) -> None:
        """The next byte begins, if there is one and it may."""
        able = self._control & _ENABLED and self._control & _SENDS
        if self._shifting or not self._tx or not able or not self.bit_ns:
            return
        value = self._tx.popleft()
        self._shifting = True
        self._plug.sent += 1
        frame = Frame(value, self._plug.chip.now_ns, self.bit_ns, self.data_bits, self.frame_bits)
        self._sent_alarm.schedule(self.frame_bits * self.bit_ns)
        peer: Ear | None = self._plug if self._control & _LOOPBACK else self._plug.peer
        if peer and not self._line & _LINE_BREAK:
            peer.hear(frame)
        level = 0 if not self._line & _LINE_FIFO else self._level(0)
        if len(self._tx) == level:
            self._raw |= _TX
        self._demand()

    def _sent(self) -> None:
        self._shifting = False
        self._send()
        self._interrupt()

    def _hold(self, low: bool) -> None:
        peer = self._plug.peer
        if peer:
            peer.hear_break(low, self._plug.chip.now_ns)

    # -- receiving

    def receive(self, frame: Frame) -> None:
        """A byte has come."""
        able = self._control & _ENABLED and self._control & _RECEIVES
        if not able or not self.bit_ns:
            return
        value, stopped = frame.sampled(self.bit_ns, self.data_bits)
        self._push(value if stopped else value | _FRAMING)

    def receive_break(self, low: bool) -> None:
        """The wire is held low, or no more."""
        self._break_alarm.cancel()
        if low and self.bit_ns:
            self._break_alarm.schedule(_BREAK_BITS * self.bit_ns)

    def _broken(self) -> None:
        if self._control & _ENABLED and self._control & _RECEIVES:
            self._push(_FRAMING | _BREAK)

    def _push(self, entry: int) -> None:
        if entry & _FRAMING:
            self._raw |= _FE
        if entry & _BREAK:
            self._raw |= _BE
        if len(self._rx) >= self.depth:
            self._overrun = True
            self._errors |= _OVERRUN >> 8
            self._raw |= _OE
        else:
            if self._overrun:
                entry |= _OVERRUN
                self._overrun = False
            self._rx.append(entry)
            if len(self._rx) == self._level(3):
                self._raw |= _RX
        self._timeout_alarm.schedule(_TIMEOUT_BITS * self.bit_ns)
        self._demand()
        self._interrupt()

    def _timed_out(self) -> None:
        if self._rx:
            self._raw |= _RT
            self._interrupt()

    def _pull(self) -> int:
        if not self._rx:
            return 0
        entry = self._rx.popleft()
        self._errors = self._errors & ~7 | entry >> 8 & 7
        if len(self._rx) < self._level(3):
            self._raw &= ~_RX
        if not self._rx:
            self._raw &= ~_RT
        self._demand()
        self._interrupt()
        return entry

    # -- interrupts and DMA

    def _interrupt(self) -> None:
        wanted = bool(self._raw & self._mask)
        if wanted != self._interrupting:
            self._interrupting = wanted
            self.rp2040.set_interrupt(self._irq, wanted)

    def _demand(self) -> None:
        """Tell DMA what there is to do."""
        dma, control = getattr(self.rp2040, "dma", None), self._registers[_DMACR]
        if dma is None:  # it is being made
            return
        enabled = bool(self._control & _ENABLED)
        ready = (
            enabled and bool(control & _DMA_RX) and bool(self._rx),
            enabled and bool(control & _DMA_TX) and len(self._tx) < self.depth,
        )
        for channel, is_ready in zip(self._dreqs, ready, strict=True):
            if is_ready:
                dma.set_dreq(channel)
            else:
                dma.clear_dreq(channel)

    # -- registers

    def _flags(self) -> int:
        depth = self.depth
        return (
            (_BUSY if self._shifting or self._tx else 0)
            | (0 if self._rx else _RXFE)
            | (_TXFF if len(self._tx) >= depth else 0)
            | (_RXFF if len(self._rx) >= depth else 0)
            | (0 if self._tx else _TXFE)
        )

    def read_uint32(self, offset: int) -> int:
        if offset == _FR:
            return self._flags()
        if offset == _DR:
            return self._pull()
        if offset == _MIS:
            return self._raw & self._mask
        if offset == _ICR:
            return 0
        simple = {_RSR: self._errors, _LCR_H: self._line, _CR: self._control, _IMSC: self._mask,
                  _RIS: self._raw}  # fmt: skip
        for known in (simple, self._registers, _IDS):
            if offset in known:
                return known[offset]
        return int(super().read_uint32(offset))

    def write_uint32(self, offset: int, value: int) -> None:
        if offset == _DR:
            self._write(value & 0xFF)
        elif offset == _RSR:
            self._errors = 0
        elif offset == _LCR_H:
            if (value ^ self._line) & _LINE_BREAK:
                self._hold(bool(value & _LINE_BREAK))
            self._line = value & 0xFF
            self._latch()
        elif offset == _CR:
            self._control = value & 0xFFFF
            self._demand()
            self._send()
        elif offset == _IMSC:
            self._mask = value & 0x7FF
        elif offset == _ICR:
            self._raw &= ~value
        elif offset in self._registers:
            self._registers[offset] = value & 0xFFFF
            self._demand()
        else:
            super().write_uint32(offset, value)
        self._interrupt()

    def _write(self, value: int) -> None:
        if len(self._tx) >= self.depth:
            return  # lost, as on the chip
        self._tx.append(value)
        self._send()
        if len(self._tx) > self._level(0) or not self._line & _LINE_FIFO:
            self._raw &= ~_TX
        self._demand()
