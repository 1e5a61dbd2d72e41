"""machine.ADC: 12 bits over 3.3 V, with two counts of noise; channel 4 is the thermometer."""

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
