import sys

import picolink

name = sys.argv[1] if len(sys.argv) > 1 else "greenhouse"
with picolink.connect(f"ble:{name}") as greenhouse:
    print("the lamp is", greenhouse.call("led_set", "on"))
    print(greenhouse.read("temperature"))
