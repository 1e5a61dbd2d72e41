"""The `micropython` module, which remembers the interrupt character for os.dupterm_notify."""

import micropython as _native
from micropython import *

_kbd_intr = _native.kbd_intr
interrupt_character = 3


def kbd_intr(character):
    # No jump here: a pending KeyboardInterrupt must not come out of this.
    global interrupt_character
    interrupt_character = character
    _kbd_intr(character)
