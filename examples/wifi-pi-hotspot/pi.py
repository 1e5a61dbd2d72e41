"""On the Raspberry Pi, `python pi.py [PORT]`: prints what boards in its network measure."""

import sys

import picolink

node = picolink.Node("pi")


@node.subscribe("temperature")
def told(reading):
    print(f"{reading.value} {reading.unit}", flush=True)


port = sys.argv[1] if len(sys.argv) > 1 else "5263"
node.run(f"tcp-listen::{port}")
