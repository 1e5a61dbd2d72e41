"""The `sys` module of an rp2 board."""

import sys as _native
from sys import *

platform = "rp2"
path = _native.path  # the names that import * leaves out
argv = _native.argv
_MACHINE = "Raspberry Pi Pico W with RP2040"


def _implementation(version=None):
    from collections import namedtuple

    own = _native.implementation
    kind = namedtuple("implementation", ("name", "version", "_machine", "_mpy", "_build"))
    return kind(own.name, version or own.version, _MACHINE, own._mpy, "RPI_PICO_W")


implementation = _implementation()


def _set_version(text):
    global implementation, version
    version = "3.4.0; MicroPython v%s on 2025-01-01" % text
    implementation = _implementation(tuple(int(x) for x in text.split(".")) + ("",))
