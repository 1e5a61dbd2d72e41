"""The `time` module with a board's clock: 2021 until told, ticks that wrap at 2**30."""

import time as _native
from time import *

from _sim_rtc import now as _now

_MASK = 0x3FFFFFFF
_ticks_ms = _native.ticks_ms
_ticks_us = _native.ticks_us


def time():
    return _now()


def time_ns():
    return _now() * 1000000000 + _native.time_ns() % 1000000000


def gmtime(seconds=None):
    return _native.gmtime(_now() if seconds is None else seconds)[:8]


localtime = gmtime


def mktime(t):
    zone = int(_native.mktime(_native.gmtime(0)))
    return int(_native.mktime(tuple(t[:8]) + (0,))) - zone


def ticks_ms():
    return _ticks_ms() & _MASK


def ticks_us():
    return _ticks_us() & _MASK


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    return (ticks + delta) & _MASK


def ticks_diff(a, b):
    return ((a - b + 0x20000000) & _MASK) - 0x20000000


del clock
