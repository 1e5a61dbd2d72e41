"""machine.I2C as the rp2 port has it. The bus itself is kept by the simulator (i2c/medium.py)."""

import struct

import _sim_bus as bus
import _sim_i2c_block as blocks

_PERIPHERAL_HZ = 125000000
_READ = 1
_STOP = 2
_EIO = 5
_ETIMEDOUT = 110
_controllers = [None, None]


class I2C:
    def __new__(cls, id=0, *args, **kw):
        if id not in (0, 1):
            raise ValueError("I2C(%d) doesn't exist" % id)
        self = _controllers[id]
        if self is None:
            self = object.__new__(cls)
            _controllers[id] = self
            self._id = id
            self._sda, self._scl = blocks.PINS[id]
            self._freq = 0
            self._number = 0
        return self

    def __init__(self, id=0, freq=None, *, scl=None, sda=None, timeout=None):
        scl = blocks.pin(id, scl, 1)
        sda = blocks.pin(id, sda, 0)
        self._scl = self._scl if scl is None else scl
        self._sda = self._sda if sda is None else sda
        if self._freq and freq is None and scl is None and sda is None and timeout is None:
            return
        self._timeout = 50000 if timeout is None else timeout
        wanted = 400000 if freq is None else freq
        # What the divider can do; the port sets the nearest.
        self._freq = _PERIPHERAL_HZ // ((_PERIPHERAL_HZ + wanted // 2) // wanted)
        block = self._block = blocks.block(id)
        if block.target:
            block.target._lost()
        block.settings[12] = self._sda | self._scl << 8
        block.tell()

    def _transfer(self, addr, flags, data, size):
        """Returns the answer's data; what was read is the last `size` bytes of it."""
        if self._block.target:
            raise OSError(_ETIMEDOUT)  # the block is a target meanwhile
        self._number = self._number % 255 + 1
        answer = bytearray(4 + size)
        head = struct.pack(
            "<BBBBIIHHH", 84, self._number, 1, flags & _STOP, self._freq, self._timeout, addr,
            flags & _READ, size or len(data)
        )  # fmt: skip
        held = bus.hold()
        interrupted = False
        try:
            self._block.line.write(head + data)
            while not answer[0]:
                try:
                    if not self._block.line.readinto(answer):
                        raise OSError(_ETIMEDOUT)  # the bus has gone
                except KeyboardInterrupt:  # on the board it comes after the transfer
                    interrupted = True
        finally:
            bus.unhold(held)
        if interrupted:
            raise KeyboardInterrupt
        result = struct.unpack_from("<h", answer, 2)[0]
        if result < 0:
            raise OSError(-result)
        return result, answer

    def _write(self, addr, data, stop=True):
        return self._transfer(addr, _STOP if stop else 0, data, 0)[0]

    def _read_into(self, addr, buf, stop=True):
        view = memoryview(buf)
        if not len(view):
            raise OSError(_EIO)
        answer = self._transfer(addr, _READ | (_STOP if stop else 0), b"", len(view))[1]
        view[:] = memoryview(answer)[4:]

    def scan(self):
        found = []
        for addr in range(0x08, 0x78):
            try:
                self._write(addr, b"")
                found.append(addr)
            except OSError:
                pass
        return found

    def readfrom(self, addr, nbytes, stop=True):
        buf = bytearray(nbytes)
        self._read_into(addr, buf, stop)
        return bytes(buf)

    def readfrom_into(self, addr, buf, stop=True):
        self._read_into(addr, buf, stop)

    def writeto(self, addr, buf, stop=True):
        return self._write(addr, bytes(memoryview(buf)), stop)

    def writevto(self, addr, vector, stop=True):
        data = b""
        for part in vector:
            data += bytes(memoryview(part))
        return self._write(addr, data, stop)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf, addrsize=addrsize)
        return bytes(buf)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._write(addr, _pointer(memaddr, addrsize), False)
        self._read_into(addr, buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._write(addr, _pointer(memaddr, addrsize) + bytes(memoryview(buf)))

    def _unsupported(self, *args, **kw):
        raise OSError("I2C operation not supported")

    init = start = stop = readinto = write = _unsupported

    def __repr__(self):
        return "I2C(%d, freq=%d, scl=%d, sda=%d, timeout=%d)" % (
            self._id, self._freq, self._scl, self._sda, self._timeout
        )  # fmt: skip


def _pointer(memaddr, addrsize):
    if addrsize & 7 or addrsize > 32:
        raise ValueError("invalid addrsize")
    return bytes((memaddr >> at & 0xFF) for at in range(addrsize - 8, -1, -8))
