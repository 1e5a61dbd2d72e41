import sys

import picolink

port = sys.argv[1] if len(sys.argv) > 1 else "/dev/serial0"
with picolink.connect(f"uart:{port}?baud=115200") as shed:
    print("the lamp is", shed.call("led_set", "on"))
