"""A bus in memory for the tests of the mailbox, with all that goes wrong on wires. Both
interpreters."""


class MemoryBus:
    """Reads and writes of a target's memory as its controller does them, with seeded faults.

    Shares of the transfers: `nack` breaks off anywhere, `lost` is acknowledged and has no effect,
    `flip` has one wrong bit, `astray` is a write with a wrong bit in its pointer, `deaf`: the
    target's interrupt is lost. `tear`: the target does something while it is read.
    """

    def __init__(self, target, random, nack=0, lost=0, flip=0, astray=0, deaf=0, tear=0):
        self.target = target
        self.random = random
        self.nack, self.lost, self.flip = nack, lost, flip
        self.astray, self.deaf, self.tear = astray, deaf, tear
        self.now_ms = 0
        self.bits = 0
        self.transfers = 0

    def clock(self):
        return self.now_ms

    def _pass(self, count):
        self.bits += 9 * count + 3
        self.transfers += 1
        self.now_ms = self.bits // 100  # at 100 kHz

    def _flipped(self, data):
        data = bytearray(data)
        if data and self.random.chance(self.flip):
            at = self.random.below(len(data))
            data[at] ^= 1 << self.random.below(8)
        return bytes(data)

    def read(self, register, n):
        self._pass(n + 3)
        mem = self.target.memory
        if self.random.chance(self.nack):
            raise OSError(5)
        half = self.random.below(n + 1)
        data = bytes(mem[register : register + half])
        if self.random.chance(self.tear):
            self.target.look(False)
        data += bytes(mem[register + half : register + n])
        assert len(data) == n
        return self._flipped(data)

    def write(self, register, data):
        self._pass(len(data) + 2)
        mem = self.target.memory
        count = len(data)
        broken = self.random.chance(self.nack)
        if broken:
            count = self.random.below(count)
        if self.random.chance(self.astray):
            register ^= 1 << self.random.below(8)
        if not self.random.chance(self.lost):
            data = self._flipped(data[:count])
            for i in range(count):
                mem[(register + i) % len(mem)] = data[i]
            if not self.random.chance(self.deaf):
                self.target.look(True)
        if broken:
            raise OSError(5)
