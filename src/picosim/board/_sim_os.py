"""The `os` module of the virtual board."""

from os import *

from _sim_usb import dupterm, dupterm_notify

_UNAME = None
del system, getenv, putenv, unsetenv, VfsPosix


def uname():
    return _UNAME


def sync():
    pass
