"""Follows the lamp from a computer, and switches it: `python host.py [ADDRESS]`."""

import sys

import picolink

address = sys.argv[1] if len(sys.argv) > 1 else "usb:lamp"

with picolink.connect(address) as lamp:
    print("the lamp is", lamp.call("led_set", "?"), flush=True)
    for change in lamp.readings("lamp", count=4):
        print("somebody switched it", "on" if change.value else "off", flush=True)
