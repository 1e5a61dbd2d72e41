"""machine.WDT: bites with a hard reset, and cannot be stopped."""

import _sim_bus as bus


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
