"""A board's line to the simulated Bluetooth: calls, and the events that it fetches.

Events are fetched in the scheduler's turn, when the simulator says (over the bus) that there are
some. A batch that a Ctrl-C came into is fetched again.
"""

import errno
import json

import socket as _native

import _sim_bus as _bus

where = None  # host, port, token; set by start.py
happened = None  # deals with an event; what it returns, unless None, is told to the simulator
line = None  # while the radio is on
_calling = False
_count = 0
_due = False  # events came in the midst of a call
_batch = 0  # the last that came
_events = []  # of it, that were not dealt with yet
_answers = []  # for the simulator


def open():
    """Connect."""
    global line, _due, _batch
    _bus.interrupts_on()
    _bus.send("bluetooth")  # has the interrupts passed on
    new = _native.socket()
    new.connect(_native.getaddrinfo(where[0], where[1])[0][-1])
    new.setsockopt(6, 1, 1)
    new.write(json.dumps(("board", where[2])) + "\n")
    line, _due, _batch = new, False, 0
    _events.clear()
    _answers.clear()


def close():
    """The radio is off."""
    global line
    line.close()
    line = None


def call(*message):
    """What the simulator answers; OSError where it says so."""
    global _calling, _count
    if line is None:
        raise OSError(errno.ENODEV)
    before, _calling = _calling, True  # on the board no event comes within a call
    _count += 1
    number = _count
    try:
        line.write(json.dumps((number, message)) + "\n")
        while True:
            answer = line.readline()
            if not answer:
                raise OSError(errno.EIO)
            try:
                which, error, value = json.loads(answer)
            except ValueError:  # the rest of one that a Ctrl-C came into
                continue
            if which == number:  # else of a call that a Ctrl-C ended
                break
    finally:
        _calling = before
        if _due and not before:
            _bus.call_surely(_run)
    if error:
        raise OSError(error)
    return value


def _on_bluetooth(_):
    global _due
    _due = True
    if not _calling:
        _bus.call_surely(_run)


_bus.handlers["bluetooth"] = _on_bluetooth


def _run(_=None):
    global _due
    if _calling or line is None:
        return
    _due = False
    try:
        while _deal_with_some():
            pass
    except KeyboardInterrupt:  # it is meant for the program; and there may be more events
        _bus.call_surely(_run)
        _bus.interrupt_again()


def _deal_with_some():
    global _batch
    while _events:
        answer = happened(_events.pop(0))
        if answer is not None:
            _answers.append(answer)
        if line is None:  # the handler switched the radio off
            return False
    _batch, events = call("events", _batch, _answers)
    _answers.clear()
    _events.extend(events)
    return events
