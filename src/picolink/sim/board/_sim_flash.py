"""The board's flash: a block device on an image file."""

BLOCK_BYTES = 4096
busy = None  # busy(sectors erased, bytes programmed) takes the time that a board's flash takes


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
        if busy:
            busy(0, len(buf))

    def ioctl(self, op, arg):
        if op == 4:
            return self._count
        if op == 5:
            return BLOCK_BYTES
        if op == 6:  # erase: littlefs writes the block next, nothing to do for a file
            if busy:
                busy(1, 0)
            return 0
