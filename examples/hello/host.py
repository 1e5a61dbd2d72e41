import sys

import picolink

with picolink.connect(sys.argv[1] if len(sys.argv) > 1 else "usb:auto") as greenhouse:
    print("the lamp is", greenhouse.call("led_set", "on"))
    for r in greenhouse.readings("temperature", count=3):
        print(r.value, r.unit)
