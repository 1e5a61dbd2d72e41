"""The board's end of the bus to the simulator: lines of JSON, and interrupts.

`handlers[kind](message)` is called for each message that arrives. They are read by `process()`:
from a peripheral's own methods at any time, and as an interrupt once `interrupts_on()` was called.
"""

import _thread
import json

import micropython

QUEUE_LENGTH = 8  # of the rp2 port's scheduler

handlers = {}
_bus = open(3, "r+b")
_lines = []
_rest = b""
_busy = False
_irq_line = open(4, "r+b")
_interrupts = False
_due = []  # callbacks for the scheduler
_draining = False
_ack_due = False
_number = bytearray(1)  # of the interrupt asked for last; written by the thread
_answer = b""
_held = None  # callbacks held back by disable_irq, or None
_hard = False  # a hard handler runs: nothing of the scheduler's comes between on a board
_missed_interrupt = False
_missed_drain = False


def send(*message):
    """Send one message to the simulator."""
    data = json.dumps(message) + "\n"
    while not _bus.write(data):  # None: the simulator is behind
        pass


def process(_=None):
    """Handle everything that has arrived on the bus."""
    global _busy, _rest
    if _busy:  # an interrupt in the midst of process(): the outer one goes on until all is read
        return
    _busy = True
    try:
        while True:
            data = _bus.read(2048)
            if data:
                new = (_rest + data).split(b"\n")
                _rest = new.pop()
                _lines.extend(new)
            elif not _lines:
                break
            while _lines:  # kept outside, so that a KeyboardInterrupt loses no message
                message = json.loads(_lines.pop(0))
                handlers[message[0]](message)
    finally:
        _busy = False


def _interrupt(_):
    # A blocking call runs one scheduled function each time it is interrupted: ask for more until
    # the acknowledgement, which comes after the handlers that process() scheduled.
    global _ack_due, _answer, _missed_interrupt
    if _hard:
        _missed_interrupt = True
        return
    try:
        _answer = bytes(_number)  # all that was sent before this one was asked for is read now
        process()
        _irq_line.write(b"p")
        _ack_due = True
        _start_drain()
    except KeyboardInterrupt:
        interrupt_again()


def _start_drain():
    global _draining
    if not _draining:
        _draining = True
        try:
            micropython.schedule(_drain, None)
        except RuntimeError:
            _draining = False  # queue full: the simulator asks again


def _drain(_):
    # One handler a turn, so that a burst of edges doesn't fill the scheduler's queue at once: on
    # the board each would have come at its own time.
    global _ack_due, _draining, _missed_drain
    if _hard:
        _missed_drain = True
        return
    try:
        if _due:
            micropython.schedule(*_due[0])  # if there is no room it stays, and is tried again
            _due.pop(0)
        if _due:
            micropython.schedule(_drain, None)
            return
        _draining = False
        if _ack_due:
            micropython.schedule(_irq_line.write, _answer)
            _ack_due = False
    except RuntimeError:
        _draining = False
    except KeyboardInterrupt:
        _draining = False
        interrupt_again()


def interrupt_again():
    """Have KeyboardInterrupt raised a moment later, where the program is then."""
    _bus.write(b'["interrupt"]\n')


def _listen(read, byte, schedule, write):
    # Runs in a thread, where only blocking and scheduling are safe: no dict, no new object. A
    # collection that a signal comes into does not see this thread's stack: so what it holds is
    # held elsewhere too, and both functions are so small that their frames are on no heap.
    while read(byte):
        schedule()
        write(b"!")


def _schedule_interrupt(schedule=micropython.schedule, interrupt=_interrupt):
    try:
        schedule(interrupt, None)
    except RuntimeError:  # queue full: the simulator asks again until it was acknowledged
        pass


_held_for_thread = (_irq_line.readinto, _number, _schedule_interrupt, _irq_line.write)


def interrupts_on():
    """From now on messages interrupt whatever the program does, even `while True: pass`."""
    global _interrupts
    if not _interrupts:
        _interrupts = True
        send("irq")
        _thread.start_new_thread(_listen, _held_for_thread)


def call(callback, argument, hard=False):
    """Run a callback as the board does: soft ones through the scheduler, whose queue can be full."""
    if _held is not None:
        _held.append((callback, argument, hard))
    elif hard:
        _call_hard(callback, argument)
    else:
        if len(_due) < QUEUE_LENGTH:  # else it is lost, as on the board
            _due.append((callback, argument))
        _start_drain()


def call_surely(callback):
    """Run a callback in the scheduler's turn; unlike others it is never lost."""
    if _held is not None:
        _held.append((callback, None, False))
    elif (callback, None) not in _due:
        _due.append((callback, None))
        _start_drain()


def _call_hard(callback, argument):
    # A hard handler may not allocate; on the board that raises MemoryError, so it does here.
    global _hard
    _hard = True
    micropython.heap_lock()
    error = None
    try:
        callback(argument)
    except Exception as e:
        error = e
    finally:
        micropython.heap_unlock()
        _hard = False
        _make_up()
    if error:
        import sys

        print("Uncaught exception in IRQ callback handler")
        sys.print_exception(error)


def _make_up():
    # What the scheduler wanted meanwhile.
    global _draining, _missed_drain, _missed_interrupt
    if _missed_drain:
        _missed_drain = _draining = False
        _start_drain()
    if _missed_interrupt:
        _missed_interrupt = False
        _schedule_interrupt()


class Irq:
    """What a peripheral's `irq()` returns."""

    def __init__(self, owner):
        self._owner = owner

    def flags(self):
        return self._owner._flags

    def trigger(self, trigger=None):
        before = self._owner._trigger
        if trigger is not None:
            self._owner._trigger = trigger
            self._owner._tell()
        return before

    def __call__(self):
        if self._owner._handler:
            self._owner._handler(self._owner)


def hold():
    """Hold callbacks back; returns what to give to `unhold` (the state before)."""
    global _held
    before = _held is not None
    if not before:
        _held = []
    return before


def unhold(before):
    """Undo `hold`, and run what was held back."""
    global _held
    if not before and _held is not None:
        waiting, _held = _held, None
        for item in waiting:
            call(*item)
