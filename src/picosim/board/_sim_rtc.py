"""machine.RTC and the wall clock: a board that nobody told the time wakes in 2021."""

import time as _time

import _sim_bus as bus

_offset_s = 0


def _setup(offset_s):
    """Set what is added to the host's clock (kept by the simulator over resets)."""
    global _offset_s
    _offset_s = offset_s


def now():
    """Seconds since 1970 by the board's clock."""
    return int(_time.time()) + _offset_s


class RTC:
    def datetime(self, value=None):
        global _offset_s
        if value is None:
            y, mo, d, h, mi, s, wd = _time.gmtime(now())[:7]
            return (y, mo, d, wd, h, mi, s, 0)
        y, mo, d, _, h, mi, s = value[:7]
        # mktime takes local time, which on a board is the only one
        wanted = _time.mktime((y, mo, d, h, mi, s, 0, 0))
        zone = _time.mktime(_time.gmtime(0))
        _offset_s = int(wanted - zone) - int(_time.time())
        bus.send("rtc", _offset_s)
