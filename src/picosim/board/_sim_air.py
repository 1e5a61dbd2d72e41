"""The board's end of the air: calls to the simulator, one line of JSON each way (see wifi/medium.py)."""

import json

import socket as _native

on = False  # whether sockets go through the air; else the board hangs at a wire
_where = None  # host, port, token; set by start.py
_line = None
_busy = False


def setup(host, port, token, wired):
    global _where, on
    _where = (host, port, token)
    if not wired:
        on = True
        call("status", 0)  # so that the simulator knows the program, and when it ends


def _open(main):
    line = _native.socket()
    line.connect(_native.getaddrinfo(_where[0], _where[1])[0][-1])
    line.setsockopt(6, 1, 1)
    line.write(json.dumps([_where[2], main]) + "\n")
    return line


def _ask(line, message):
    line.write(json.dumps(message) + "\n")
    error, value = json.loads(line.readline())
    if error:
        raise OSError(error)
    return value


def call(*message):
    """What the simulator answers; OSError where it says so."""
    global _line, _busy
    if _busy:  # a callback in the midst of another call
        line = _open(False)
        try:
            return _ask(line, message)
        finally:
            line.close()
    _busy = True
    try:
        if _line is None:
            _line = _open(True)
        return _ask(_line, message)
    except KeyboardInterrupt:  # an answer may be under way that nobody wants
        _stale.append(_line)  # open until the program ends
        _line = _open(False)
        raise
    finally:
        _busy = False


_stale = []
