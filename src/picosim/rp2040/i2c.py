"""The I2C block, a DW_apb_i2c (RP2040 data sheet, 4.3), as controller and as target.

The emulator's own is a controller that takes no time. Left out here: arbitration between two that
begin within the same bit, DMA, high speed. A bus is joined at the blocks, not at the pins: bytes
that a program makes by switching the pins itself (`SoftI2C`, `scan`) are not on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from rp2040py.irq import IRQ
from rp2040py.peripherals.peripheral import BasePeripheral
from rp2040py.rp2040 import RP2040

from picosim.rp2040 import i2c_registers as reg
from picosim.rp2040.i2c_bus import Bus, Replied
from picosim.rp2040.i2c_controller import ControllerHalf

if TYPE_CHECKING:
    from picosim.rp2040.chip import Chip

BASES = (0x40044, 0x40048)
"""Of the two blocks, as the emulator counts."""
FIFO_DEPTH = 16


class Plug:
    """The pins of one I2C, which stay on their bus while the chip is reset."""

    def __init__(self, chip: Chip, number: int) -> None:
        self.chip = chip
        self.number = number
        self.block: I2c  # that is there now
        self.bus = Bus()
        self.bus.parties.append(self)

    def install(self, chip: RP2040) -> None:
        """Put a new block into the chip."""
        self.bus.lost(self, self.chip.now_ns)
        self.block = I2c(chip, self)
        chip.i2c[self.number] = self.block  # type: ignore[call-overload]
        chip.peripherals[BASES[self.number]] = self.block

    @property
    def enabled(self) -> bool:
        """Whether a program uses it."""
        return self.block.enabled

    def join(self, bus: Bus) -> None:
        """Go to another bus."""
        self.bus.parties.remove(self)
        self.bus = bus
        bus.parties.append(self)

    def at(self, ns: float, callback: Callable[[], None]) -> None:
        """Have `callback` called when the chip's clock is there."""
        self.chip.at(ns, callback)


class I2c(BasePeripheral):
    """The block: its registers and FIFOs, and what it is as a target."""

    def __init__(self, chip: RP2040, plug: Plug) -> None:
        super().__init__(chip, f"I2C{plug.number}")
        self.plug = plug
        self._irq = IRQ.I2C0 + plug.number
        self.tx: deque[int] = deque()
        self.rx: deque[int] = deque()
        self._held: Callable[[], None] | None = None  # a byte without room
        self._asked: Replied | None = None  # the controller waits for a byte
        self.controller = ControllerHalf(self)
        self._clear()

    def reset(self) -> None:
        """By the RESETS block."""
        self.plug.bus.lost(self.plug, self.plug.chip.now_ns)
        self._clear()

    def _clear(self) -> None:
        self.tx.clear()
        self.rx.clear()
        self._held = self._asked = None
        self.values = dict(reg.RESET_VALUES)
        self.raised = 0  # interrupts, but those that are levels
        self.abort_source = 0
        self._selected = self._reading = self._first = False
        self._interrupting = False
        self.controller = ControllerHalf(self)
        self.rp2040.set_interrupt(self._irq, False)

    # -- how it is set

    @property
    def enabled(self) -> bool:
        """IC_ENABLE."""
        return bool(self.values[reg.ENABLE] & reg.ENABLE_ENABLE)

    @property
    def control(self) -> int:
        """IC_CON."""
        return self.values[reg.CON]

    @property
    def bit_ns(self) -> float:
        """Of SCL as controller (4.3.14.1), the time that the wires need to rise left out."""
        fast = self.control >> reg.CON_SPEED_SHIFT & 3 != 1
        high, low = (
            (reg.FS_SCL_HCNT, reg.FS_SCL_LCNT) if fast else (reg.SS_SCL_HCNT, reg.SS_SCL_LCNT)
        )
        clocks = self.values[high] + self.values[reg.FS_SPKLEN] + 7 + self.values[low] + 1
        return clocks * 1e9 / self.rp2040.clk_sys

    # -- interrupts

    @property
    def raw(self) -> int:
        """IC_RAW_INTR_STAT."""
        raw = self.raised
        if len(self.rx) > self.values[reg.RX_TL]:
            raw |= reg.RX_FULL
        if self.enabled and len(self.tx) <= self.values[reg.TX_TL]:
            if not (self.control & reg.CON_TX_EMPTY_CTRL and self.controller.shifting):
                raw |= reg.TX_EMPTY
        return raw

    def update(self) -> None:
        """Tell the core."""
        wanted = bool(self.raw & self.values[reg.INTR_MASK])
        if wanted != self._interrupting:
            self._interrupting = wanted
            self.rp2040.set_interrupt(self._irq, wanted)

    def rise(self, bits: int) -> None:
        """These interrupts are there."""
        self.raised |= bits
        self.update()

    def abort(self, reason: int) -> None:
        """TX_ABRT: what waits to be sent is thrown away, and nothing taken until it is cleared."""
        self.abort_source |= reason | len(self.tx) << reg.ABRT_FLUSHED_SHIFT
        self.tx.clear()
        self.rise(reg.TX_ABRT)

    # -- a target (4.3.10.1)

    def started(self, again: bool) -> None:
        """Somebody made a START."""
        if not self.enabled:
            return
        bits = reg.START_DET
        if again and self._selected:
            bits |= reg.RESTART_DET
        self._selected = False
        self.rise(bits)

    def addressed(self, address: int, read: bool) -> bool:
        """Whether it is this one."""
        if not self.enabled or self.control & reg.CON_SLAVE_DISABLE:
            return False
        mine = address == self.values[reg.SAR]
        general = not address and not read and bool(self.values[reg.ACK_GENERAL_CALL])
        if not mine and not general:
            return False
        self._selected, self._reading, self._first = True, read, True
        if general:
            self.rise(reg.GEN_CALL)
        if read:
            if self.tx:
                self.abort(reg.ABRT_SLVFLUSH_TXFIFO)
            self.rise(reg.RD_REQ)
        return True

    def offered(self, value: int, ns: float, reply: Replied) -> None:
        """The controller wrote a byte."""
        if not self.enabled or self.values[reg.SLV_DATA_NACK_ONLY] & 1:
            reply(False, ns)
            return
        entry = value | (reg.FIRST_DATA_BYTE if self._first else 0)
        self._first = False
        if len(self.rx) < FIFO_DEPTH:
            self.rx.append(entry)
        elif self.control & reg.CON_RX_FIFO_FULL_HLD_CTRL:

            def fits() -> None:
                self.rx.append(entry)
                reply(True, self.plug.chip.now_ns)

            self._held = fits
            return
        else:
            self.raised |= reg.RX_OVER
        self.update()
        reply(True, ns)

    def asked(self, ns: float, reply: Replied) -> None:
        """The controller reads a byte."""
        if not self.enabled:
            reply(0xFF, ns)
        elif self.tx:
            reply(self.tx.popleft() & 0xFF, ns)
            self.update()
        else:
            self._asked = reply

    def answered(self, more: bool) -> None:
        """The controller acknowledged the byte, or wants no more."""
        if not more:
            self.rise(reg.RX_DONE)
        elif not self.tx:
            self.rise(reg.RD_REQ)

    def stopped(self, addressed: bool) -> None:
        """Somebody made a STOP."""
        if self.enabled and (addressed or not self.control & reg.CON_STOP_DET_IFADDRESSED):
            self.rise(reg.STOP_DET)
        self._selected = False

    # -- registers

    def _status(self) -> int:
        master, slave = self.controller.active, self._selected
        return (
            (reg.STATUS_ACTIVITY if master or slave else 0)
            | (reg.STATUS_TFNF if len(self.tx) < FIFO_DEPTH else 0)
            | (0 if self.tx else reg.STATUS_TFE)
            | (reg.STATUS_RFNE if self.rx else 0)
            | (reg.STATUS_RFF if len(self.rx) >= FIFO_DEPTH else 0)
            | (reg.STATUS_MST_ACTIVITY if master else 0)
            | (reg.STATUS_SLV_ACTIVITY if slave else 0)
        )

    def read_uint32(self, offset: int) -> int:
        if offset == reg.DATA_CMD:
            return self._pull()
        if offset == reg.STATUS:
            return self._status()
        if offset == reg.INTR_STAT:
            return self.raw & self.values[reg.INTR_MASK]
        if offset == reg.RAW_INTR_STAT:
            return self.raw
        if offset in reg.CLEARS:
            bits = reg.CLEARS[offset]
            was = self.raised & bits
            self.raised &= ~bits
            if bits & reg.TX_ABRT:
                self.abort_source = 0
            self.update()
            return int(bool(was))
        simple = {
            reg.TXFLR: len(self.tx),
            reg.RXFLR: len(self.rx),
            reg.TX_ABRT_SOURCE: self.abort_source,
            reg.ENABLE_STATUS: int(self.enabled or self.controller.active),
        }
        for known in (simple, self.values, reg.CONSTANTS):
            if offset in known:
                return known[offset]
        return int(super().read_uint32(offset))

    def _pull(self) -> int:
        if not self.rx:
            self.rise(reg.RX_UNDER)
            return 0
        entry = self.rx.popleft()
        if self._held:
            held, self._held = self._held, None
            held()
        self.update()
        return entry

    def write_uint32(self, offset: int, value: int) -> None:
        if offset == reg.DATA_CMD:
            self._put(value)
        elif offset == reg.ENABLE:
            self._enable(value)
        elif offset in (reg.RX_TL, reg.TX_TL):
            self.values[offset] = min(value & 0xFF, FIFO_DEPTH)
        elif offset in self.values:
            self.values[offset] = value & reg.WIDTHS.get(offset, 0xFFFF)
        else:
            super().write_uint32(offset, value)
        self.update()

    def _put(self, value: int) -> None:
        if not self.enabled or self.raised & reg.TX_ABRT:
            return  # the FIFO is held empty
        if len(self.tx) >= FIFO_DEPTH:
            self.raised |= reg.TX_OVER
        elif self.control & reg.CON_MASTER_MODE:
            self.tx.append(value & 0x7FF)
            self.controller.go()
        elif self._asked:
            reply, self._asked = self._asked, None
            reply(value & 0xFF, self.plug.chip.now_ns)
        else:
            self.tx.append(value & 0x7FF)

    def _enable(self, value: int) -> None:
        was = self.enabled
        self.values[reg.ENABLE] = value & (reg.ENABLE_ENABLE | reg.ENABLE_TX_CMD_BLOCK)
        if value & reg.ENABLE_ABORT and self.controller.active:
            self.abort(reg.ABRT_USER_ABRT)
            self.controller.quit()
        if was and not self.enabled:
            self.tx.clear()
            self.rx.clear()
            self._selected = False
            now_ns = self.plug.chip.now_ns
            held, self._held = self._held, None
            asked, self._asked = self._asked, None
            if held or asked:
                self.plug.bus.lost(self.plug, now_ns)
            self.controller.disabled()
        elif self.enabled:
            self.controller.go()
