"""A board as a target, as the firmware and the chip make it (extmod and ports/rp2 of 1.26 on).

In memory mode the chip's interrupt handler, in C, moves one byte at a time between the bus and the
program's own memory, which lies in the interpreter's process and is read and written there. Without
memory a hard handler in Python serves two FIFOs of 16 bytes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from picosim.i2c.page import FIFO_BYTES, MASK, Page, Settings

ADDR_MATCH_READ = 1
ADDR_MATCH_WRITE = 2
READ_REQ = 4
WRITE_REQ = 8
END_READ = 16
END_WRITE = 32

IDLE = "idle"
MATCHED = "matched"  # addressed for a write, nothing received yet
POINTING = "pointing"  # bytes of the pointer come
READING = "reading"
WRITING = "writing"

WIDE_POINTER_LOST = 0.02
"""Share of the pointers of more than a byte that lose their first one: where the restart after them
is handled in the same interrupt as their last byte, it is taken to begin anew."""
SCRAMBLED = 0.2
"""Share of the transfers into a flash write after which a byte is wrong."""
HUNG = 0.05
"""Share of them after which the target holds SDA low until `deinit`."""


class BoardTarget:
    """Answers while the program has a target there; `event(flag)` interrupts the program."""

    def __init__(
        self,
        page: Page,
        process_memory: int,
        pins: tuple[int, int] | None,
        event: Callable[[int], None],
        seed: str,
    ) -> None:
        self._page = page
        self._process = process_memory
        self._pins = pins
        self._event = event
        self._rng = random.Random(seed)
        self._settings = page.settings()
        self._generation = 0
        self._state = IDLE
        self._hardware = IDLE  # what the port's own part of the handler takes the bus to do
        self._stop_pending = False
        self._asked = -1  # how much had been received when the handler was called for it
        self._request = False  # the handler was called for a byte to send
        self._pointer = 0
        self._pointer_left = 0
        self._hit = False  # this transfer met a flash write
        self._held = False  # SCL, as far as is known
        self._hung = 0  # the generation that holds SDA low
        self._left = 0  # the generation that was left in the midst of a byte
        self._events = 0  # told so far
        self.gone = False

    # -- what the bus asks

    def settings(self) -> Settings:
        """As the program has set the block up now."""
        if self.gone:
            return self._settings._replace(on=0)
        new = self._page.settings()
        if new.on != self._generation:
            self._generation = new.on
            self._state = self._hardware = IDLE
            self._stop_pending = False
            self._events = 0
            self._asked, self._request, self._held = -1, False, False
        self._settings = new
        return new

    def answers(self, address: int) -> bool:
        """Whether it acknowledges an address; the chip does so by itself, busy or not."""
        now = self.settings()
        wired = self._pins is None or self._pins == now.target_pins
        return bool(now.on) and wired and address == now.address

    @property
    def holds_sda(self) -> bool:
        """Whether it hangs and holds the data line low."""
        now = self.settings().on
        return bool(now) and now in (self._hung, self._left)

    @property
    def holds_scl(self) -> bool:
        """Whether the clock waits for the program: for a byte to send, or for room."""
        now = self.settings()
        if not now.on or not self._held:
            return False
        self._held = bool(
            now.busy
            or (self._request and now.sent == self._page.taken)
            or (self._page.received - now.received & MASK >= FIFO_BYTES)
        )
        return self._held

    @property
    def has_memory(self) -> bool:
        """Whether the firmware answers by itself."""
        return bool(self._settings.memory)

    @property
    def settled(self) -> bool:
        """Whether the handler has done with what was before. On a board it is much faster than
        the next transfer; here it is not always."""
        now = self.settings()
        return not now.on or bool(now.memory) or now.handled == self._events

    def started(self) -> None:
        """A START, for whomever."""
        self._stop_pending = False
        if self._hardware != IDLE:
            self._reset()
            self._hardware = IDLE

    def write(self, byte: int) -> bool:
        """A byte from the controller; False: not yet, SCL is held low."""
        now = self.settings()
        if not now.on:
            return True  # acknowledged no more, but that shows at the next byte
        if now.busy:
            self._hit = self._held = True
            return False
        byte = self._scrambled(byte)
        if self._hardware != WRITING:
            self._matched(ADDR_MATCH_WRITE)
            self._hardware = WRITING
        if now.memory:
            if now.trigger & WRITE_REQ:
                self._tell(WRITE_REQ)
            self._store(byte)
            return True
        self._state = WRITING
        if not now.trigger & WRITE_REQ:
            return True  # nobody wants it
        if self._page.received - now.received & MASK >= FIFO_BYTES:
            self._held = True
            self._call_for_received()
            return False
        self._page.receive(byte)
        self._call_for_received()
        return True

    def read(self) -> int | None:
        """A byte for the controller; None: not yet, SCL is held low."""
        now = self.settings()
        if not now.on:
            return 0xFF  # nobody drives SDA any more
        if now.busy:
            self._hit = self._held = True
            return None
        if self._hardware != READING:
            self._page.flush(now.sent)
            self._matched(ADDR_MATCH_READ)
            self._hardware = READING
            self._request = False
        if now.memory:
            return self._scrambled(self._load())
        self._state = READING
        if now.sent != self._page.taken:
            self._request = False
            return self._page.take()
        if not now.trigger & READ_REQ:
            return 0
        if not self._request:
            self._request = True
            self._tell(READ_REQ)
        self._held = True
        return None

    def read_ended(self) -> None:
        """The controller has its last byte; the port fetches one more, for nobody."""
        now = self.settings()
        if not now.on:
            return
        if now.memory:
            self._load()
        else:
            self._tell(READ_REQ)

    def stopped(self) -> None:
        """A STOP that ends a transfer with it."""
        now = self.settings()
        if not now.on:
            return
        if self._hardware == IDLE:
            self._matched(ADDR_MATCH_WRITE)
        if self._page.received != now.received and not now.memory and now.trigger & WRITE_REQ:
            self._stop_pending = True
        else:
            self._reset()
            self._hardware = IDLE
        if self._hit and self._rng.random() < HUNG:
            self._hung = now.on
        self._hit = False

    def left(self) -> None:
        """Its controller is gone in the midst of a byte of ours, at a 0."""
        self._left = self.settings().on

    def clocked(self) -> bool:
        """Clocks without sense come; whether they helped."""
        helped = bool(self._left) and self._left == self.settings().on
        self._left = 0
        return helped

    def woken(self) -> None:
        """The program has read, written or set something."""
        now = self.settings()
        if not now.on or now.memory:
            return
        if self._page.received != now.received:
            self._call_for_received()
        elif self._stop_pending:
            self._stop_pending = False
            self._reset()
            self._hardware = IDLE

    # -- the firmware's part

    def _tell(self, flag: int) -> None:
        if self._settings.trigger & flag:
            self._events = self._events + 1 & MASK
            self._event(flag)

    def _call_for_received(self) -> None:
        received = self._settings.received
        if self._asked != received:
            self._asked = received
            self._tell(WRITE_REQ)

    def _reset(self) -> None:
        if self._state == READING:
            self._tell(END_READ)
        elif self._state in (MATCHED, WRITING):
            self._tell(END_WRITE)
        self._state = IDLE

    def _matched(self, flag: int) -> None:
        self._reset()
        self._tell(flag)
        self._state = MATCHED if flag == ADDR_MATCH_WRITE else IDLE

    def _selected(self) -> None:
        self._pointer %= self._settings.memory_bytes
        self._page.tell_address(self._pointer)

    def _store(self, byte: int) -> None:
        if self._state == MATCHED:
            self._state = POINTING
            self._pointer_left = self._settings.pointer_bytes
            if self._pointer_left:
                self._pointer = 0
        if self._state == POINTING and self._pointer_left:
            last = self._pointer_left == 1
            if last and self._settings.pointer_bytes > 1:
                if self._rng.random() < WIDE_POINTER_LOST:
                    self._pointer = 0
            self._pointer = self._pointer << 8 | byte
            self._pointer_left -= 1
            if last:
                self._selected()
            return
        self._state = WRITING
        self._poke(byte)

    def _load(self) -> int:
        if self._state == POINTING:
            self._selected()
        self._state = READING
        self._tell(READ_REQ)
        byte = self._peek()
        self._advance()
        return byte

    def _advance(self) -> None:
        self._pointer = (self._pointer + 1) % max(1, self._settings.memory_bytes)

    def _peek(self) -> int:
        try:
            found = os.pread(self._process, 1, self._settings.memory + self._pointer)
        except OSError:
            found = b""  # the interpreter has just ended
        return found[0] if found else 0xFF

    def _poke(self, byte: int) -> None:
        try:
            os.pwrite(self._process, bytes((byte,)), self._settings.memory + self._pointer)
        except OSError:
            pass
        self._advance()

    def _scrambled(self, byte: int) -> int:
        if self._hit and self._rng.random() < SCRAMBLED:
            self._hit = False
            return byte ^ self._rng.randrange(1, 256)
        return byte
