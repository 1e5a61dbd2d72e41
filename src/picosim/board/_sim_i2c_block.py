"""One of the two I2C blocks: what a controller and a target on it have in common.

A block has a socket to the bus (one message a transfer) and a page of memory that both sides see:
counters of the bus, then at 64 the settings of the program, at 16 what was received, at 128 what
is to be sent. The layout is that of i2c/page.py.
"""

from array import array

import _sim_bus as bus
from _sim_pin import Pin

PINS = ((4, 5), (6, 7))  # SDA and SCL, unless others are given
_blocks = [None, None]


class Block:
    def __init__(self, id):
        self.id = id
        self.line = open(12 + 2 * id, "r+b")
        self._page = open(13 + 2 * id, "r+b")
        self.told = array("I", [0, 0, 0])  # pointer, bytes received, bytes taken
        self.settings = array("I", [0] * 14)
        self.target = None  # whoever holds the block as a target
        bus.send("i2c", id)

    # What follows is called by hard handlers too: nothing here may allocate.

    def tell(self):
        self._page.seek(64)
        self._page.write(self.settings)

    def hear(self):
        self._page.seek(0)
        self._page.readinto(self.told)

    def put(self, at, data):
        self._page.seek(at)
        self._page.write(data)

    def get(self, at, view):
        self._page.seek(at)
        self._page.readinto(view)


def block(id):
    if _blocks[id] is None:
        _blocks[id] = Block(id)
    return _blocks[id]


def pin(id, given, role):
    if given is None:
        return None
    number = given._id if isinstance(given, Pin) else Pin(given)._id
    if number == "LED" or number & 1 != role or (number & 2) >> 1 != id:
        raise ValueError(("bad SDA pin", "bad SCL pin")[role])
    return number
