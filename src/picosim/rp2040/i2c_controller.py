"""The I2C block as a controller (RP2040 data sheet, 4.3.10.2): what is in its FIFO becomes START,
address, bytes and STOP; it holds SCL low while it has nothing to go on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picosim.rp2040 import i2c_registers as reg

if TYPE_CHECKING:
    from picosim.rp2040.i2c import I2c

_FIFO_DEPTH = 16


class ControllerHalf:
    """Of one block, from one reset to the next."""

    def __init__(self, block: I2c) -> None:
        self.shifting = False  # a byte, or an address, is under way
        self._block = block
        self._owning = False  # of the bus
        self._busy = False
        self._reading = False
        self._quit = False
        self._waiting = False

    @property
    def active(self) -> bool:
        """Whether it has the bus."""
        return self._owning

    @property
    def _over(self) -> bool:
        return self._block.controller is not self  # the block was reset

    def disabled(self) -> None:
        """IC_ENABLE was cleared. What is under way ends with a STOP; held low, SCL stays so for
        whoever enables it again at once, as drivers do between two parts of a transfer."""
        if self._busy:
            self._quit = True

    def quit(self) -> None:
        """End with a STOP now."""
        self._quit = True
        if not self._busy:
            self._stop(self._block.plug.chip.now_ns)

    def go(self) -> None:
        """Go on with what is in the FIFO."""
        block = self._block
        if self._over or self._busy or not block.tx or not block.enabled:
            return
        if not block.control & reg.CON_MASTER_MODE:
            return
        if block.values[reg.ENABLE] & reg.ENABLE_TX_CMD_BLOCK:
            return
        command = block.tx[0]
        read = bool(command & reg.CMD_READ)
        bus, plug = block.plug.bus, block.plug
        if self._owning and not command & reg.CMD_RESTART and read == self._reading:
            self._byte(plug.chip.now_ns)
            return
        if not self._owning and bus.owner is not None:
            if not self._waiting:
                self._waiting = True
                bus.wait(plug, self._free)
            return
        self._owning = self._busy = self.shifting = True
        self._reading = read
        block.rise(reg.START_DET | reg.ACTIVITY)
        address = block.values[reg.TAR] & 0x3FF
        bus.begin(plug, address, read, plug.chip.now_ns, block.bit_ns, self._connected)

    def _free(self) -> None:
        self._waiting = False
        self.go()

    def _connected(self, yes: int, ns: float) -> None:
        if self._over:
            return
        if not yes:
            self._block.abort(reg.ABRT_7B_ADDR_NOACK)
            self._stop(ns)
        elif self._quit or not self._block.tx:
            self._stop(ns)
        else:
            self._byte(ns)

    def _byte(self, ns: float) -> None:
        block = self._block
        command = block.tx.popleft()
        self._busy = self.shifting = True
        self._stops = bool(command & reg.CMD_STOP)
        block.update()
        if command & reg.CMD_READ:
            block.plug.bus.read(block.plug, ns, self._got)
        else:
            block.plug.bus.write(block.plug, command & 0xFF, ns, self._written)

    def _written(self, yes: int, ns: float) -> None:
        if self._over:
            return
        if not yes:
            self._block.abort(reg.ABRT_TXDATA_NOACK)
            self._stop(ns)
        else:
            self._done(ns)

    def _got(self, value: int, ns: float) -> None:
        if self._over:
            return
        block = self._block
        if len(block.rx) >= _FIFO_DEPTH:
            block.rise(reg.RX_OVER)
        else:
            block.rx.append(value)
            block.update()
        last = self._stops or self._quit or bool(block.tx and self._turns(block.tx[0]))
        end_ns = block.plug.bus.acknowledge(not last, ns)
        block.plug.chip.at(end_ns, lambda: self._done(end_ns))

    @staticmethod
    def _turns(command: int) -> bool:
        return bool(command & reg.CMD_RESTART) or not command & reg.CMD_READ

    def _done(self, ns: float) -> None:
        if self._over:
            return
        self.shifting = False
        if self._stops or self._quit:
            self._stop(ns)
            return
        self._busy = False
        self._block.update()
        self.go()

    def _stop(self, ns: float) -> None:
        self._busy = True
        self.shifting = False
        self._block.update()
        plug = self._block.plug
        end_ns = plug.bus.stop(plug, ns)
        plug.chip.at(end_ns, self._stopped)

    def _stopped(self) -> None:
        if self._over:
            return
        self._owning = self._busy = self._quit = False
        self._block.rise(reg.STOP_DET)
        self.go()
