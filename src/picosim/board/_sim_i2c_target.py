"""machine.I2CTarget as the rp2 port has it (since 1.26). Its memory is the program's own: the bus
reads and writes it where it lies, byte by byte, without any Python here (i2c/target.py)."""

import uctypes

import _sim_bus as bus
import _sim_flash
import _sim_i2c_block as blocks

_FIFO_BYTES = 16
_MASK = 0x3FFFFFFF
_RECEIVED_AT = 16
_SEND_AT = 128
_NOT_GIVEN = object()
_targets = [None, None]


class I2CTarget:
    IRQ_ADDR_MATCH_READ = 1
    IRQ_ADDR_MATCH_WRITE = 2
    IRQ_READ_REQ = 4
    IRQ_WRITE_REQ = 8
    IRQ_END_READ = 16
    IRQ_END_WRITE = 32

    def __new__(cls, id=0, *args, **kw):
        if id not in (0, 1):
            raise ValueError("I2CTarget(%d) doesn't exist" % id)
        self = _targets[id]
        if self is None:
            self = object.__new__(cls)
            _targets[id] = self
            self._id = id
            self._sda, self._scl = blocks.PINS[id]
            self._starts = 0
            self._irq = bus.Irq(self)
            self._call_soft = self._soft
        return self

    def __init__(
        self, id=0, addr=None, *, addrsize=7, mem=None, mem_addrsize=8, scl=None, sda=None
    ):
        if addr is None:
            raise TypeError("'addr' argument required")
        size = place = 0
        if mem is not None:
            view = memoryview(mem)
            if len(view):
                view[0] = view[0]  # TypeError where it can't be written to
            if mem_addrsize < 0 or mem_addrsize > 32 or mem_addrsize % 8:
                raise ValueError("mem_addrsize must be 0, 8, 16, 24 or 32")
            size = len(mem if isinstance(mem, bytearray) else bytes(mem))
            place = uctypes.addressof(mem)
        scl = blocks.pin(id, scl, 1)
        sda = blocks.pin(id, sda, 0)
        self._scl = self._scl if scl is None else scl
        self._sda = self._sda if sda is None else sda
        self._addr = addr
        self._mem = mem  # held, as the port does
        self._handler = None
        self._trigger = 0
        self._hard = False
        self._flags = 0
        self._pending = False
        block = self._block = blocks.block(id)
        block.target = self
        settings = block.settings
        self._starts = self._starts % 1000 + 1
        settings[0] = 0
        block.tell()  # first away, then there: what is half set must not answer
        settings[1] = addr
        settings[2] = addrsize
        settings[3] = place & 0xFFFFFFFF
        settings[4] = place >> 32
        settings[5] = size
        settings[6] = mem_addrsize // 8
        settings[7] = self._sda | self._scl << 8
        settings[8] = 0
        settings[9] = settings[13] = 0
        block.hear()
        settings[10] = block.told[1]
        settings[11] = block.told[2]
        settings[0] = self._starts
        block.tell()
        if _interrupts_off not in _sim_flash.told:
            _sim_flash.told.append(_interrupts_off)

    @property
    def memaddr(self):
        self._block.hear()
        return self._block.told[0]

    def _tell(self):
        self._block.settings[8] = self._trigger
        self._block.tell()

    def _lost(self):
        # The block is a controller's from now on.
        self._block.target = None
        self._block.settings[0] = 0
        self._tell()

    def deinit(self):
        if self._block.target is self:
            self._handler = None
            self._trigger = 0
            self._mem = None
            self._lost()
            self._block.line.write(b"w")

    # What hard handlers call must not allocate.

    def readinto(self, buf):
        block = self._block
        settings = block.settings
        block.hear()
        count = 0
        there = block.told[1] - settings[10] & _MASK
        block.get(_RECEIVED_AT, _received)
        while count < there and count < len(buf):
            buf[count] = _received[settings[10] % _FIFO_BYTES]
            settings[10] = settings[10] + 1 & _MASK
            count += 1
        block.tell()
        block.line.write(_wake)
        return count

    def write(self, buf):
        block = self._block
        settings = block.settings
        block.hear()
        count = 0
        block.get(_SEND_AT, _sending)
        while count < len(buf) and settings[11] - block.told[2] & _MASK < _FIFO_BYTES:
            _sending[settings[11] % _FIFO_BYTES] = buf[count]
            settings[11] = settings[11] + 1 & _MASK
            count += 1
        block.put(_SEND_AT, _sending)
        block.tell()
        block.line.write(_wake)
        return count

    def irq(self, handler=_NOT_GIVEN, trigger=48, hard=False):
        if handler is not _NOT_GIVEN:
            self._set_irq(handler, trigger, hard)
        return self._irq

    def _set_irq(self, handler, trigger, hard):
        if trigger & 15 and not hard:
            raise ValueError("hard IRQ required")
        self._handler = handler
        self._trigger = trigger if handler else 0
        self._hard = hard
        self._flags = 0
        self._tell()
        if handler:
            bus.process()
            bus.interrupts_on()

    def _event(self, flags):
        self._flags = flags & self._trigger
        if not self._handler or not self._flags:
            self._handled()
        elif self._hard:
            bus.call(_hard, self, True)
        elif not self._pending:  # what comes before it has run is not told apart
            self._pending = True
            bus.call(self._call_soft, self)

    def _handled(self):
        settings = self._block.settings
        settings[13] = settings[13] + 1 & _MASK
        self._block.tell()
        self._block.line.write(_wake)

    def _soft(self, target):
        self._pending = False
        if self._handler:
            self._handler(self)

    def __repr__(self):
        return "I2CTarget(%d, addr=%d, scl=%d, sda=%d)" % (
            self._id, self._addr, self._scl, self._sda
        )  # fmt: skip


_received = bytearray(_FIFO_BYTES)
_sending = bytearray(_FIFO_BYTES)
_wake = b"w"


def _hard(target):
    try:
        target._handler(target)
    except Exception as e:
        # Switched off, but what it is there for still waits for it: SCL stays low.
        target._handler = None
        raise e
    finally:
        target._handled()


def _interrupts_off(off):
    for target in _targets:
        if target is not None and target._block.settings[0]:
            target._block.settings[9] = off
            target._block.tell()
            if not off:
                target._block.line.write(_wake)


def _on_i2c(message):
    target = _targets[message[1]]
    if target is not None and target._block.settings[0]:
        target._event(message[2])


bus.handlers["i2c"] = _on_i2c
