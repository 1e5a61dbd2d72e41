"""The `machine` module of the virtual board."""

import time as _time

import _sim_bus as _bus
from _sim_analog import ADC, PWM
from _sim_i2c import I2C
from _sim_i2c_target import I2CTarget
from _sim_pin import Pin, Signal
from _sim_rtc import RTC
from _sim_timer import WDT, Timer
from _sim_uart import UART
from machine import idle, soft_reset, time_pulse_us

PWRON_RESET = 1
WDT_RESET = 3

_config = None
_freq_hz = 125000000


def unique_id():
    return bytes.fromhex(_config["unique_id"])


def reset_cause():
    return _config["reset_cause"]


def freq(hz=None):
    global _freq_hz
    if hz is None:
        return _freq_hz
    if not 18000000 <= hz <= 300000000:
        raise ValueError("cannot change frequency")
    _freq_hz = hz


def _end(*message):
    _bus.send(*message)
    while True:  # the simulator ends this process
        _time.sleep(1)


def reset():
    _end("reset")


def bootloader(value=0):
    _end("bootloader")


def deepsleep(ms=None):
    _end("deepsleep", ms)


def lightsleep(ms=None):
    if ms is None:
        while True:
            _time.sleep(1)
    _time.sleep(ms / 1000)


def disable_irq():
    return _bus.hold()


def enable_irq(state=False):
    _bus.unhold(state)


class _Registers:
    """The few registers that mean something here; others raise instead of reading as 0."""

    def __getitem__(self, address):
        if address == 0x40000000:  # SYSINFO CHIP_ID
            return 0x20002927
        if address == 0x40054028:  # TIMER TIMERAWL
            return _time.ticks_us() & 0xFFFFFFFF
        raise NotImplementedError("the virtual board has no register at 0x%08x" % address)

    def __setitem__(self, address, value):
        raise NotImplementedError("the virtual board has no register at 0x%08x" % address)


mem8 = mem16 = mem32 = _Registers()
