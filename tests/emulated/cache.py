"""What the flash's slowness costs a core: the cache before it, which the emulator leaves out.

RP2040 data sheet 2.6.3: 16 kB, two ways, 1024 sets of lines of 8 bytes; a hit takes no longer than
RAM. A miss fetches 4 bytes, not the whole line, each half of which has a bit that says whether it
is there (Wren6991 in raspberrypi/pico-sdk#1182). Which way gives place is not documented; here it
is the one that was not used last.
"""

from __future__ import annotations

from typing import Any

from picosim.rp2040.chip import CORE_HZ, Chip

CACHED = 0x10
"""Of the alias that fills the cache and reads it: the address's highest byte. 0x11 only reads it,
0x12 only fills it, 0x13 does neither."""
ALIASES = range(CACHED, CACHED + 4)
SETS = 1024
WORDS = 2 * SETS
"""In one way."""
_EMPTY = -1
_CYCLE_NS = 1e9 / CORE_HZ
_TICK_CYCLES = 32
"""The clock is brought up to date after so many, or when something is due."""
_CTRLR0, _BAUDR, _SPI_CTRLR0 = 0x00, 0x14, 0xF4
_FLUSH = 0x04
_WIDE = 0xF000
_LITERAL, _OFFSET, _INDEXED, _MANY = 1, 2, 3, 4
_FIRST, _END = ALIASES.start << 24, ALIASES.stop << 24
_SRAM = 0x20


def miss_cycles(ctrlr0: int, spi_ctrlr0: int, baudr: int) -> int:
    """Of the core, for a miss, by the SSI's registers (4.10.13) as the second stage sets them.

    A Pico's (boot2_w25q080: quad I/O, continuous read): 24 bits of address and 8 of mode by four
    lines are 8 clocks, then 4 idle ones, and 32 bits of data are 8: 20 clocks of 2 cycles. That is
    the least: what the SSI takes around them is not documented.
    """
    lines = 1 << (ctrlr0 >> 21 & 3)
    data = (ctrlr0 >> 16 & 0x1F) + 1
    address = (spi_ctrlr0 >> 2 & 0xF) * 4
    wait = spi_ctrlr0 >> 11 & 0x1F
    return (address // lines + wait + data // lines) * baudr


class Lines:
    """The cache itself. Words are addresses divided by four, of the alias CACHED; each way has them
    by their place in it. `newest` has of each set the line that was used last."""

    def __init__(self) -> None:
        self.newest = [_EMPTY] * WORDS
        self.oldest = [_EMPTY] * WORDS

    def flush(self) -> None:
        """Nothing is in it."""
        self.newest[:] = self.oldest[:] = [_EMPTY] * WORDS

    def look(self, word: int, fill: bool = True) -> int:
        """Misses, 0 or 1, of a read."""
        newest, oldest = self.newest, self.oldest
        at = word % WORDS
        if newest[at] == word:
            return 0
        missed = oldest[at] != word
        if missed and not fill:
            return 1
        beside = at ^ 1
        if missed and newest[beside] == word ^ 1:
            newest[at] = word
            return 1
        line = (word, oldest[beside] if oldest[beside] == word ^ 1 else _EMPTY)
        oldest[at], oldest[beside] = newest[at], newest[beside]
        newest[at], newest[beside] = line
        return int(missed)

    def read(self, address: int) -> int:
        """Misses, 0 or 1, of a read by any alias."""
        alias, word = address >> 24, (address & 0xFFFFFF | CACHED << 24) >> 2
        if alias == CACHED:
            return self.look(word)
        if alias == CACHED + 1:
            return self.look(word, fill=False)
        if alias == CACHED + 2:
            self.look(word)
        return 1


def _loads() -> tuple[bytes, bytes, bytes, bytes]:
    """By opcode: how it reads memory, its base register, its offset or second register, and how
    many words. Reads by SP are none: no stack is in the flash."""
    kinds, bases, seconds, counts = (bytearray(1 << 16) for _ in range(4))
    for opcode in range(1 << 16):
        five = opcode >> 11
        kind, base, second = 0, opcode >> 3 & 7, opcode >> 6 & 0x1F
        if five == 0b01001:
            kind, second = _LITERAL, opcode & 0xFF
        elif opcode >> 12 == 0b0101 and opcode >> 9 & 7 >= 3:
            kind, second = _INDEXED, opcode >> 6 & 7
        elif five in (0b01101, 0b01111, 0b10001):
            kind = _OFFSET
            second <<= {0b01101: 2, 0b01111: 0, 0b10001: 1}[five]
        elif five == 0b11001:
            kind, base = _MANY, opcode >> 8 & 7
        kinds[opcode], bases[opcode], seconds[opcode] = kind, base, second
        counts[opcode] = (opcode & 0xFF).bit_count()
    return bytes(kinds), bytes(bases), bytes(seconds), bytes(counts)


_KINDS, _BASES, _SECONDS, _COUNTS = _loads()


class Cache:
    """While entered, a chip waits for its flash. It then runs some hundred times slower than a real
    one.

    `reads` are what the core asked the flash's addresses for, a word each: an instruction's word
    is read once for the two in it, and the next word only when it is executed. `lost` are the
    cycles that the misses took; they are in the chip's cycles and in its time. The cache is taken
    to be switched on; DMA is not counted, nor is what is fetched ahead of a branch in vain. `cost`:
    of a miss, if not what the chip's registers say.
    """

    def __init__(self, chip: Chip, cost: int | None = None) -> None:
        self.lines = Lines()
        self.reads = 0
        self.misses = 0
        self.lost = 0
        self.instructions = 0
        self._chip = chip
        self._given = cost
        self._of: Any = None

    @property
    def hit_rate(self) -> float:
        """Of all reads."""
        return 1 - self.misses / self.reads if self.reads else 1.0

    def __enter__(self) -> Cache:
        self._before = self._chip.execute
        self._chip.execute = self._execute
        return self

    def __exit__(self, *_: object) -> None:
        self._chip.execute = self._before

    def forget(self) -> None:
        """Count from here; what is in the cache stays."""
        self.reads = self.misses = self.lost = self.instructions = 0

    def _bind(self, rp2040: Any) -> None:
        """A chip, or the one that it is after a reset."""
        self._of = rp2040
        self.lines.flush()
        registers = rp2040.core.registers
        self._registers = registers if isinstance(registers, list) else memoryview(registers)
        self._flash = memoryview(rp2040.flash).cast("H")
        self._sram = memoryview(rp2040.sram).cast("H")
        control = rp2040.xip_ctrl
        write = control.write_uint32

        def written(offset: int, value: int) -> None:
            if offset == _FLUSH and value & 1:
                self.lines.flush()
            write(offset, value)

        control.write_uint32 = written

    def cost(self) -> int:
        """Cycles of a miss."""
        if self._given is not None:
            return self._given
        read = self._chip.rp2040.ssi.read_uint32
        return miss_cycles(read(_CTRLR0), read(_SPI_CTRLR0), read(_BAUDR))

    def _execute(self, chip: Any, _most: int) -> None:
        """In place of the emulator's own loop (execute_batch), until the chip is stopped."""
        rp2040, clock = chip.rp2040, chip.clock
        if rp2040 is not self._of:
            self._bind(rp2040)
        core, pios, read_uint16 = rp2040.core, rp2040.pio, rp2040.read_uint16
        step, registers = core.execute_instruction, self._registers
        flash, sram = self._flash, self._sram
        look, read, newest = self.lines.look, self.lines.read, self.lines.newest
        kinds, bases, seconds, counts = _KINDS, _BASES, _SECONDS, _COUNTS
        cost, reads, misses, instructions = self.cost(), 0, 0, 0
        last, pending, most = _EMPTY, 0, 0
        running = [pio for pio in pios if not pio.stopped]
        while not chip.stopped:
            if core.waiting:
                if pending:
                    clock.tick(pending * _CYCLE_NS)
                    pending = most = 0
                ahead_ns = clock.nanos_to_next_alarm
                clock.tick(ahead_ns)
                for pio in pios:
                    if not pio.stopped:
                        pio.advance(int(ahead_ns / _CYCLE_NS) or 1)
                continue
            while core.interrupts_updated and core.check_for_interrupts():
                core.waiting = False
            pc = registers[15]
            alias = pc >> 24
            missed = 0
            if alias == 0x10:
                word = pc >> 2
                if word != last:
                    last = word
                    reads += 1
                    if newest[word & 0x7FF] != word:
                        missed = look(word)
                opcode = flash[(pc & 0xFFFFFF) >> 1]
                if opcode >= _WIDE and pc & 2:
                    last = word = word + 1
                    reads += 1
                    if newest[word & 0x7FF] != word:
                        missed += look(word)
            elif alias == _SRAM:
                opcode = sram[(pc & 0xFFFFFF) >> 1]
            else:
                opcode = read_uint16(pc & ~1)
                if alias in ALIASES and pc >> 2 != last:
                    last = pc >> 2
                    reads += 1
                    missed = read(pc)
            kind = kinds[opcode]
            if kind:
                if kind == _OFFSET:
                    address = registers[bases[opcode]] + seconds[opcode]
                elif kind == _LITERAL:
                    address = (pc & ~3) + 4 + seconds[opcode] * 4
                elif kind == _INDEXED:
                    address = registers[bases[opcode]] + registers[seconds[opcode]]
                    address &= 0xFFFFFFFF
                else:
                    address = registers[bases[opcode]]
                if _FIRST <= address < _END:
                    for _ in range(counts[opcode] if kind == _MANY else 1):
                        reads += 1
                        missed += read(address)
                        address += 4
            cycles = step()
            instructions += 1
            if missed:
                misses += missed
                missed *= cost
                core.cycles += missed
                cycles += missed
            for pio in running:
                if not pio.stopped:
                    pio.advance(cycles)
            pending += cycles
            if pending >= most:
                clock.tick(pending * _CYCLE_NS)
                pending, most = 0, _TICK_CYCLES
                if clock.has_scheduled_alarm:
                    most = min(most, clock.nanos_to_next_alarm / _CYCLE_NS)
                running = [pio for pio in pios if not pio.stopped]
        if pending:
            clock.tick(pending * _CYCLE_NS)
        self.reads += reads
        self.misses += misses
        self.lost += misses * cost
        self.instructions += instructions
