"""machine.Timer: the simulator keeps the time, the callback interrupts the program. And machine.WDT,
which bites with a hard reset and cannot be stopped."""

import _sim_bus as bus

_running = {}  # id -> Timer; a running timer is never collected, as on the board
_next = 0
_MOST = 16  # of the RP2040's default alarm pool


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **kw):
        if id != -1:
            raise ValueError("Timer doesn't exist")
        self._id = None
        if kw:
            self.init(**kw)

    def init(self, *, mode=PERIODIC, callback=None, period=-1, tick_hz=1000, freq=-1, hard=False):
        global _next
        self.deinit()
        if freq > 0:
            us = int(1000000 / freq)
        else:
            us = int(max(period, 0) * 1000000 / tick_hz)
        us = max(us, 1)
        if len(_running) >= _MOST:
            raise OSError(12)  # ENOMEM
        self._callback = callback
        self._once = mode == 0
        self._hard = hard
        bus.interrupts_on()
        _next += 1
        self._id = _next
        _running[self._id] = self
        bus.send("timer", self._id, us, 0 if self._once else us)

    def deinit(self):
        if self._id is not None:
            bus.send("timer", self._id, None, 0)
            _running.pop(self._id, None)
            self._id = None


def _on_timer(message):
    timer = _running.get(message[1])
    if timer:
        if timer._once:
            _running.pop(timer._id, None)
            timer._id = None
        if timer._callback:
            bus.call(timer._callback, timer, timer._hard)


bus.handlers["timer"] = _on_timer


class WDT:
    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        if timeout < 1 or timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self._timeout_ms = timeout
        self.feed()

    def feed(self):
        bus.send("wdt", self._timeout_ms)
