"""machine.Pin and machine.Signal."""

import _sim_bus as bus
import machine as _native

_pins = {}


class Pin(_native.PinBase):
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    ALT = 3
    ANALOG = 4
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 4
    IRQ_RISING = 8

    def __new__(cls, id, *args, **kw):
        key = _key(id)
        self = _pins.get(key)
        if self is None:
            self = object.__new__(cls)
            self._id = key
            self._mode = 0
            self._pull = 0
            self._out = 0
            self._ext = None  # what the world drives: 0, 1, or None
            self._handler = None
            self._trigger = 0
            self._flags = 0
            self._hard = False
            _pins[key] = self
        return self

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=0, alt=-1):
        if mode != -1 or pull != -1 or value is not None:
            self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, drive=0, alt=-1):
        bus.process()
        before = self._level()
        if value is not None:
            self._out = 1 if value else 0
        if mode != -1:
            if not 0 <= mode <= 4:
                raise ValueError("invalid pin mode")
            self._mode = mode
            self._pull = 0
        if pull != -1:
            self._pull = pull or 0
        self._tell()
        self._edge(before)

    def _driven(self):
        if self._mode == 1 or (self._mode == 2 and not self._out):
            return self._out
        return None

    def _level(self):
        level = self._driven()
        if level is None:
            level = self._ext
        if level is None:
            level = 1 if self._pull == 1 else 0
        return level

    def _tell(self):
        if self._id == "WL_GPIO2":
            return  # on the board itself: nobody outside sees it
        bus.send("pin", self._id, self._mode, self._pull, self._driven())

    def _external(self, level):
        before = self._level()
        self._ext = level
        self._edge(before)

    def _edge(self, before):
        level = self._level()
        if level != before and self._handler:
            flag = 8 if level else 4
            if self._trigger & flag:
                self._flags = flag
                bus.call(self._handler, self, self._hard)

    def value(self, x=None):
        if x is None:
            bus.process()
            return self._level()
        before = self._level()
        self._out = 1 if x else 0
        if self._mode == 1 or self._mode == 2:
            self._tell()
            self._edge(before)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    high = on
    low = off

    def toggle(self):
        self.value(not self._out)

    def irq(self, handler=None, trigger=12, *, priority=1, wake=None, hard=False):
        if self._id in ("LED", "WL_GPIO2"):
            raise AttributeError("'Pin' object has no attribute 'irq'")
        self._hard = hard
        self._trigger = trigger
        self._handler = handler
        if handler:
            bus.process()
            bus.interrupts_on()
        return bus.Irq(self)

    def mode(self, mode=None):
        if mode is None:
            return self._mode
        self.init(mode)

    def pull(self, pull=None):
        if pull is None:
            return self._pull
        self.init(pull=pull)

    def __repr__(self):
        if self._id == "LED":
            return "Pin(LED, mode=%s)" % ("IN", "OUT")[self._mode == 1]
        if self._id == "WL_GPIO2":
            return "Pin(WL_GPIO2, mode=IN)"
        name = ("IN", "OUT", "OPEN_DRAIN", "ALT", "ANALOG")[self._mode]
        pull = ("", ", pull=PULL_UP", ", pull=PULL_DOWN")[self._pull]
        return "Pin(GPIO%d, mode=%s%s)" % (self._id, name, pull)


def _key(id):
    if isinstance(id, Pin):
        return id._id
    if isinstance(id, str):
        if id in ("LED", "WL_GPIO0"):
            return "LED"
        if id == "WL_GPIO2":  # VBUS
            return id
        if id.startswith("GPIO"):
            id = id[4:]
        elif id.startswith("GP"):
            id = id[2:]
        try:
            id = int(id)
        except ValueError:
            raise ValueError("unknown named pin")
    if isinstance(id, int) and 0 <= id <= 29:
        return id
    raise ValueError("invalid pin")


def _on_external(message):
    Pin(message[1])._external(message[2])


bus.handlers["ext"] = _on_external


class Signal:
    def __init__(self, pin, *args, invert=False, **kw):
        self._pin = pin if isinstance(pin, Pin) else Pin(pin, *args, **kw)
        self._invert = invert

    def value(self, x=None):
        if x is None:
            return self._pin.value() ^ self._invert
        self._pin.value(bool(x) ^ self._invert)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)
