"""machine.ADC: 12 bits over 3.3 V, with two counts of noise; channel 4 is the thermometer. And
machine.PWM: what it puts out is told to the world as a frequency and a duty."""

import random

import _sim_bus as bus
from _sim_pin import Pin

CORE_TEMP = 4
_FULL_VOLTS = 3.3
_volts = {}


class ADC:
    CORE_TEMP = CORE_TEMP

    def __init__(self, channel):
        if isinstance(channel, Pin):
            channel = channel._id
        if channel in (26, 27, 28, 29):
            channel -= 26
        if not isinstance(channel, int) or not 0 <= channel <= 4:
            raise ValueError("Pin doesn't have ADC capabilities")
        self._channel = channel

    def read_u16(self):
        bus.process()
        raw = (
            int(_volts.get(self._channel, 0) / _FULL_VOLTS * 4095 + 0.5) + random.getrandbits(2) - 2
        )
        raw = min(4095, max(0, raw))
        return raw << 4 | raw >> 8  # as the port widens 12 bits to 16

    def __repr__(self):
        return "<ADC channel=%d>" % self._channel


def _on_adc(message):
    _volts[message[1]] = message[2]


bus.handlers["adc"] = _on_adc


class PWM:
    def __init__(self, pin, *, freq=-1, duty_u16=-1, duty_ns=-1, invert=False):
        self._pin = pin if isinstance(pin, Pin) else Pin(pin)
        self._freq = 0
        self._duty = 0
        self._ns = -1
        self.init(freq=freq, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, *, freq=-1, duty_u16=-1, duty_ns=-1, invert=False):
        if freq != -1:
            if not 8 <= freq <= 62500000:
                raise ValueError("freq too small" if freq < 8 else "freq too large")
            self._freq = freq
            if self._ns >= 0:
                duty_ns = self._ns
        if duty_u16 != -1:
            self._duty = min(65535, max(0, duty_u16))
            self._ns = -1
        if duty_ns != -1:
            self._ns = duty_ns
            self._duty = min(65535, duty_ns * self._freq * 65535 // 1000000000)
        if self._freq:
            bus.send("pwm", self._pin._id, self._freq, self._duty)

    def freq(self, value=None):
        if value is None:
            return self._freq
        self.init(freq=value)

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        self.init(duty_u16=value)

    def duty_ns(self, value=None):
        if value is None:
            return self._duty * 1000000000 // (65535 * self._freq) if self._freq else 0
        self.init(duty_ns=value)

    def deinit(self):
        self._freq = 0
        bus.send("pwm", self._pin._id, 0, 0)
