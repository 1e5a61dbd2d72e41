"""The same node through picolink: exactly once, with units, over the same broker.

usage: python host.py mqtt://BROKER/lab42/bench
"""

import sys

import picolink

with picolink.connect(sys.argv[1]) as bench:
    print(bench.name, "is", bench.call("lamp", "on"), "°C warm")
    reading = bench.read("temperature")
    print(f"{reading.value:.1f} {reading.unit}")
