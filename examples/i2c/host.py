"""Switches the lamp with picolink: python host.py"""

import picolink

with picolink.connect("i2c:1/0x43") as lamp:
    print(lamp.call("led_set", "on"))
