"""USB output as the rp2 port writes it, and os.dupterm.

Each write goes to the simulator, which answers with how much the host's side took: a write can
stall for half a second and come back short, just as on the board.
"""

import builtins
import io
import sys

import select

import _sim_bus as bus
import _sim_micropython

_line = open(5, "r+b")
_readable = select.poll()
_readable.register(_line, 1)
_number = 0
_answer = bytearray(4)
_term = [None]  # the os.dupterm stream


def _write(data):
    global _number
    if _term[0]:
        _to_term(data)
    view = memoryview(data)
    total = 0
    while True:
        n = min(len(view), 4096)
        _number = number = (_number + 1) & 0xFF
        _line.write(bytes((number, 0, n & 0xFF, n >> 8)) + view[:n])
        while True:
            # An interrupted write leaves its answer behind: skip it.
            _line.readinto(_answer)
            if _answer[0] == number and _answer[1] == 0:
                break
        taken = _answer[2] | _answer[3] << 8
        total += taken
        if taken < n or n == len(view):
            return total
        view = view[n:]


class _Out(io.IOBase):
    def write(self, data, a=None, b=None):
        if isinstance(data, str):
            data = data.encode()
        if b is not None:
            data = memoryview(data)[a : a + b]
        elif a is not None:
            data = memoryview(data)[:a]
        return _write(data)

    def ioctl(self, op, arg):
        if op == 3:  # poll: one byte of room is enough for POLLOUT
            if not arg & 4:
                return 0
            _line.write(b"\x00\x01\x00\x00")
            while True:
                _line.readinto(_answer)
                if _answer[1] == 1:
                    return 4 if _answer[2] else 0
        return -1  # EPERM: an operation it does not have

    def close(self):
        pass


class _Text(_Out):
    def __init__(self):
        self.buffer = _Out()

    def write(self, text, a=None, b=None):
        data = text.encode() if isinstance(text, str) else text
        _write(bytes(data).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        return len(data)


stdout = _Text()
_print = builtins.print


def _board_print(*args, file=None, **kw):
    if file is not None and file is not stdout:
        return _print(*args, file=file, **kw)
    line = io.StringIO()
    _print(*args, file=line, **kw)
    stdout.write(line.getvalue())


def install():
    """Let print and sys.stdout go through the simulated USB port."""
    builtins.print = _board_print


def _to_term(data):
    try:
        _term[0].write(data)
    except Exception as e:
        _term[0] = None
        print("dupterm: Exception in write() method, deactivating: ")
        sys.print_exception(e)


def dupterm(stream, index=0):
    # No jump after the swap: a pending KeyboardInterrupt must not come out here.
    if index:
        raise ValueError("invalid dupterm index")
    before = _term[0]
    _term[0] = stream
    return before


_byte = bytearray(1)


def dupterm_notify(_):
    """Take what the dupterm stream has to read; the interrupt character interrupts."""
    stream = _term[0]
    if stream is None:
        return
    if not stream.readinto(_byte):
        return
    if _byte[0] != _sim_micropython.interrupt_character:
        bus.send("input", _byte[0])
        return
    bus.interrupt_again()  # the last thing, without a jump after it: see the callers' rules
