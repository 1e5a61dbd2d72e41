"""Switches the lamp from a computer in the same network: `python host.py [ADDRESS]`."""

import sys

import picolink

address = sys.argv[1] if len(sys.argv) > 1 else "lamp"  # a bare name is searched for on every link

with picolink.connect(address) as lamp:
    print("the lamp is", lamp.call("led_set", "toggle"), flush=True)
