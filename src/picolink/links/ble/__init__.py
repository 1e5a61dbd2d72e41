"""Bluetooth LE: a board as peripheral, a board or a computer as central (spec 12)."""

import sys

if sys.implementation.name == "micropython":
    from .link import BleLink as BleLink
    from .radio import radio as radio
