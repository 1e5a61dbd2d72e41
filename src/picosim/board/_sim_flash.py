"""The board's flash: a block device on an image file."""

import time

BLOCK_BYTES = 4096
ERASE_US = 40000  # of a sector, with interrupts off
PROGRAM_US = 450  # of a page of 256 bytes
told = []  # whoever is told that interrupts are off (1) and on again (0); then it takes its time


def _busy(sectors, size):
    if told:
        for tell in told:
            tell(1)
        time.sleep_us(ERASE_US * sectors + PROGRAM_US * ((size + 255) // 256))
        for tell in told:
            tell(0)


class Flash:
    def __init__(self, path, block_count):
        self._image = open(path, "r+b")
        self._count = block_count

    def readblocks(self, block, buf, offset=0):
        self._image.seek(block * BLOCK_BYTES + offset)
        self._image.readinto(buf)

    def writeblocks(self, block, buf, offset=None):
        self._image.seek(block * BLOCK_BYTES + (offset or 0))
        self._image.write(buf)
        _busy(0, len(buf))

    def ioctl(self, op, arg):
        if op == 4:
            return self._count
        if op == 5:
            return BLOCK_BYTES
        if op == 6:  # erase: littlefs writes the block next, nothing to do for a file
            _busy(1, 0)
            return 0
