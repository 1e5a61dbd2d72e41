"""machine.UART as the rp2 port has it. The line itself is kept by the simulator (uart/medium.py).

Received bytes wait in a pipe, bytes to send go into another; how many have come and gone stands in
a memory file that both sides read, beside the settings of the port. So nothing is asked and waited
for, and what the program does not read in time is lost as on the board.
"""

import io
import time as _time
from array import array

import select

import _sim_bus as bus
import _sim_flash
from _sim_pin import Pin

_MASK = 0x3FFFFFFF
_PERIPHERAL_HZ = 125000000
_uarts = [None, None]


class UART(io.IOBase):
    INV_TX = 1
    INV_RX = 2
    CTS = 1
    RTS = 2
    IRQ_TXIDLE = 32
    IRQ_BREAK = 512
    IRQ_RXIDLE = 4096

    def __new__(cls, id, *args, **kw):
        if id not in (0, 1):
            raise ValueError("UART(%d) doesn't exist" % id)
        self = _uarts[id]
        if self is None:
            self = object.__new__(cls)
            _uarts[id] = self
            self._id = id
            fd = 6 + 3 * id
            self._in = open(fd, "rb")
            self._out = open(fd + 1, "wb")
            self._memory = open(fd + 2, "r+b")
            self._counts = array("I", [0, 0])  # bytes that came, bytes that went
            self._settings = array("I", [0] * 10)
            self._read_count = 0
            self._written = 0
            self._ready = select.poll()
            self._ready.register(self._in, 1)
            self._on = 0
            self._starts = 0
            self._baud = 0
            self._bits = 8
            self._parity = 0  # none, odd, even
            self._stop = 1
            self._tx = 4 * id
            self._rx = 4 * id + 1
            self._timeout = 0
            self._char = 0
            self._invert = 0
            self._handler = None
            self._trigger = 0
            self._flags = 0
            self._hard = False
            self._deaf = 0
            self._breaks = 0
        return self

    def __init__(self, id, *args, **kw):
        if args or kw or not self._on:
            self.init(*args, **kw)

    def init(
        self, baudrate=-1, bits=-1, parity=-1, stop=-1, *, tx=None, rx=None, cts=None, rts=None,
        timeout=-1, timeout_char=-1, invert=-1, flow=-1, txbuf=-1, rxbuf=-1
    ):  # fmt: skip
        if baudrate > 0:
            # What the divider can do; the port sets the nearest and says nothing.
            self._baud = min(max(baudrate, _PERIPHERAL_HZ // 16 // 65535), _PERIPHERAL_HZ // 16)
        if bits > 0:
            if not 5 <= bits <= 8:
                raise ValueError("the virtual board has UARTs of 5 to 8 bits")
            self._bits = bits
        if parity != -1:
            self._parity = 0 if parity is None else 1 if parity & 1 else 2
        if stop > 0:
            self._stop = stop
        if tx is not None:
            self._tx = self._pin(tx, 0, "bad TX pin")
        if rx is not None:
            self._rx = self._pin(rx, 1, "bad RX pin")
        if cts is not None:
            self._pin(cts, 2, "bad CTS pin")
        if rts is not None:
            self._pin(rts, 3, "bad RTS pin")
        if timeout >= 0:
            self._timeout = timeout
        if timeout_char >= 0:
            self._char = timeout_char
        if invert >= 0:
            if invert & ~3:
                raise ValueError("bad inversion mask")
            self._invert = invert
        if flow > 0:
            if flow & ~3:
                raise ValueError("bad hardware flow control mask")
            raise NotImplementedError("the virtual board's UART has no hardware flow control")
        self._baud = self._baud or 115200
        self._rxbuf = _buffer_size(rxbuf, "rxbuf too large")
        self._txbuf = _buffer_size(txbuf, "txbuf too large")
        self._char = max(self._char, 13000 // self._baud + 1)
        self._starts = self._starts % 1000 + 1
        self._on = self._starts
        self._tell()
        bus.send("uart", self._id)
        self._unread()
        if _interrupts_off not in _sim_flash.told:
            _sim_flash.told.append(_interrupts_off)

    def _pin(self, pin, role, error):
        number = pin._id if isinstance(pin, Pin) else Pin(pin)._id
        if number == "LED" or number & 3 != role or (number + 4 & 8) >> 3 != self._id:
            raise ValueError(error)
        return number

    def _tell(self):
        self._settings[0] = self._on
        self._settings[1] = self._baud
        self._settings[2] = self._bits | self._parity << 8 | self._stop << 16
        self._settings[3] = self._tx | self._rx << 8
        self._settings[4] = self._rxbuf
        self._settings[5] = self._txbuf
        self._settings[6] = self._trigger
        self._settings[7] = self._deaf
        self._settings[8] = self._breaks
        self._settings[9] = self._invert
        self._memory.seek(16)
        self._memory.write(self._settings)

    def deinit(self):
        self._on = 0
        self._handler = None
        self._trigger = 0
        self._tell()
        self._unread()

    def _unread(self):
        while self.any():
            self._take(bytearray(min(256, self.any())))

    def _count(self, which):
        self._memory.seek(0)
        self._memory.readinto(self._counts)
        return self._counts[which]

    def any(self):
        return self._count(0) - self._read_count & _MASK

    def _take(self, view):
        self._in.readinto(view)
        self._read_count = self._read_count + len(view) & _MASK

    def _room(self):
        return self._txbuf - (self._written - self._count(1) & _MASK)

    def txdone(self):
        return self._written == self._count(1)

    def flush(self):
        # As the port waits: a little longer than the bytes can take.
        left = self._written - self._count(1) & _MASK
        end = _time.ticks_add(_time.ticks_ms(), 2 + left * 13000 // self._baud)
        while not self.txdone():
            if _time.ticks_diff(_time.ticks_ms(), end) > 5000:  # the simulator may be slow
                raise OSError(110)
            _time.sleep_ms(1)

    def sendbreak(self):
        self._breaks += 1
        self._tell()
        bus.send("uart break", self._id)
        _time.sleep_us(13000000 // self._baud + 1)

    # Streams. `_read_some` and `_write_some` are the port's own; the rest is what streams make of it.

    def _read_some(self, view):
        size = len(view)
        done = 0
        waited = False  # one that finds nothing takes a millisecond, whatever the timeout
        end = _time.ticks_add(_time.ticks_us(), self._timeout * 1000)
        while done < size:
            there = self.any()
            if there:
                there = min(there, size - done)
                self._take(view[done : done + there])
                done += there
                end = _time.ticks_add(_time.ticks_us(), self._char * 1000)
            elif waited and _time.ticks_diff(_time.ticks_us(), end) > 0:
                return done or None
            else:
                self._ready.poll(1)
                waited = True
        return done

    def _write_some(self, view):
        size = len(view)
        done = 0
        end = _time.ticks_add(_time.ticks_us(), self._timeout * 1000)
        while done < size:
            room = min(self._room(), size - done)
            if room > 0:
                self._written = self._written + room & _MASK
                self._out.write(view[done : done + room])
                done += room
                if done < size and done > room:
                    end = _time.ticks_add(_time.ticks_us(), self._char * 1000)
            elif _time.ticks_diff(_time.ticks_us(), end) > 0:
                return done or None
            else:
                _time.sleep_us(100)
        return done

    def _all(self, some, view):
        done = 0
        while done < len(view):
            n = some(view[done:])
            if n is None:
                return done or None
            done += n
        return done

    def readinto(self, buf, n=-1):
        view = memoryview(buf)
        return self._all(self._read_some, view if n < 0 else view[:n])

    def read(self, n=-1):
        if n is None or n < 0:
            data = b""
            while True:
                buf = bytearray(256)
                got = self._read_some(memoryview(buf))
                if got is None:
                    return data or None
                data += buf[:got]
        buf = bytearray(n)
        got = self._all(self._read_some, memoryview(buf))
        return None if got is None else bytes(buf[:got])

    def readline(self, limit=-1):
        line = b""
        byte = bytearray(1)
        while limit < 0 or len(line) < limit:
            if self._read_some(memoryview(byte)) is None:
                return line or None
            line += byte
            if byte[0] == 10:
                break
        return line

    def write(self, data, a=None, b=None):
        if isinstance(data, str):
            data = data.encode()
        view = memoryview(data)
        if b is not None:
            view = view[a : a + b]
        elif a is not None:
            view = view[:a]
        return self._all(self._write_some, view)

    def ioctl(self, op, arg):
        if op == 3:  # poll
            return (1 if arg & 1 and self.any() else 0) | (4 if arg & 4 and self._room() > 0 else 0)
        return -1

    def _poll_as(self, events):
        """What to register with the interpreter's own poll: a file wakes it, an object is asked
        every millisecond."""
        found = []
        if events & 1:
            found.append((self._in, 1))
        if events & 4:
            found.append((self, 4))
        return found

    def irq(self, handler=None, trigger=0, hard=False):
        if trigger & ~(32 | 512 | 4096):
            raise ValueError("trigger 0x%04x unsupported" % trigger)
        self._handler = handler
        self._trigger = trigger if handler else 0
        self._hard = hard
        self._tell()
        if handler:
            bus.process()
            bus.interrupts_on()
        return bus.Irq(self)

    def __repr__(self):
        return "UART(%d, baudrate=%d, bits=%d, parity=%s, stop=%d, tx=%d, rx=%d, txbuf=%d, rxbuf=%d, timeout=%d, timeout_char=%d, invert=%s)" % (
            self._id, self._baud, self._bits, ("None", "1", "0")[self._parity], self._stop, self._tx,
            self._rx, self._txbuf, self._rxbuf, self._timeout, self._char,
            ("None", "INV_TX", "INV_RX", "INV_TX|INV_RX")[self._invert],
        )  # fmt: skip


def _buffer_size(size, error):
    if size > 32766:
        raise ValueError(error)
    return max(32, size) if size > 0 else 256


def _interrupts_off(off):
    # The receiver's 32 bytes fill, all else that comes is lost.
    for uart in _uarts:
        if uart is not None and uart._on:
            uart._deaf = off
            uart._tell()


def _on_uart(message):
    uart = _uarts[message[1]]
    flags = message[2]
    if uart is not None and uart._handler and uart._trigger & flags:
        uart._flags = flags
        bus.call(uart._handler, uart, uart._hard)


bus.handlers["uart"] = _on_uart
