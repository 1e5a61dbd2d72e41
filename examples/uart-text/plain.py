"""Switches the lamp over a serial port, without picolink: python plain.py PORT on|off"""

import sys

import serial

port, state = sys.argv[1:]
with serial.Serial(port, 115200, timeout=0.5) as wire:
    wire.write(b"led_" + state.encode() + b"\r")
    answer = wire.read(20)
    print(answer.decode("ascii", "replace").strip())
    sys.exit(answer != state.encode() + b"\r\n")
