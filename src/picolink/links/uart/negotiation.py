"""A higher baud rate, agreed on, tried, and left again (spec 2). Loaded where one side asks for it.

Nothing here has a timer: what is heard and what the core wants to say drive it. A peer that was
restarted talks at the base rate, which at the higher one is garbage, and brings this side back.
"""

from os import urandom
from struct import pack, unpack_from

MYPY = False
if MYPY:
    from .link import UartLink

SPEED = 0x44  # first byte of its packets: kind, baud, number
ASK = 1  # at the base rate: shall we talk at this one?
AGREE = 2  # at the base rate: from now on I do
TRIAL = 3  # at the new rate, with every kind of bit
HEARD = 4  # at the new rate: a trial was

_FORMAT = "<BBIH"
_BYTES = 8
_PATTERN = b"\x55\xaa\x00\xff\x0f\xf0\x33\xcc" * 6
_TRIALS = 4
_ENOUGH = 2  # of them
_TRIAL_MS = 500  # so long a new rate may be unproven
_SILENCE_MS = 2500
_UNHEARD = 4  # packets, the least that are said to nobody before the rate is doubted
_GARBLED = 4  # bits of garbage in a row, without one packet between
_FIRST_WAIT_MS = 1000  # before it is asked for again
_LONGEST_WAIT_MS = 60000
_HELD_MS = 60000  # a rate that held so long was none that fails
_CLOCK = 0x3FFFFFFF


class Fast:
    """The rate of one link. `wanted` 0: the other side may ask."""

    def __init__(self, link: "UartLink", base: int, wanted: int) -> None:
        self.link = link
        self.base = base
        self.wanted = wanted
        self.baud = base
        self.proven = True
        self._asked = 0  # the number of our question, 0: none is open
        self._heard = 0  # trials that were
        self._heard_ms = link.port.clock()  # or when the present rate began
        self._since_ms = self._heard_ms
        self._unheard = 0  # packets said since
        self._noises = 0  # of the link, up to now
        self._garbled = 0
        self._wait_ms = 0
        self._ask_ms = self._heard_ms

    def hear(self, packets: "list[bytes]") -> "list[bytes]":
        """Takes its own out of what has come."""
        link = self.link
        now_ms = link.port.clock()
        noises = self._count()
        if packets:
            self._garbled = 0
            if self.proven:
                self._heard_ms = now_ms
                self._unheard = 0
        elif noises != self._noises:
            self._garbled += 1
        self._noises = noises
        if self._garbled >= _GARBLED and self.baud != self.base:
            self._back()
        rest = []
        for packet in packets:
            if packet[0] != SPEED:
                rest.append(packet)
            elif len(packet) >= _BYTES:
                _, kind, baud, number = unpack_from(_FORMAT, packet)
                self._told(kind, baud, number)
        if rest and self.wanted and self.baud == self.base:
            if (now_ms - self._ask_ms) & _CLOCK >= self._wait_ms:
                self._wait()
                self._asked = unpack_from("<H", urandom(2))[0] or 1
                self._say(ASK, self.wanted, self._asked)
        return rest

    def saying(self) -> None:
        """The core is about to say something: at a rate at which somebody hears it?"""
        if self.baud == self.base:
            return
        self._unheard += 1
        silent_ms = (self.link.port.clock() - self._heard_ms) & _CLOCK
        if self.proven:
            if silent_ms >= _SILENCE_MS and self._unheard > _UNHEARD:
                self._back()
        elif silent_ms >= _TRIAL_MS:
            self._back()

    def _count(self) -> int:
        """Counts what was heard and was no packet."""
        return self.link.texts + self.link.damaged

    def _say(self, kind: int, baud: int, number: int, more: bytes = b"") -> None:
        self.link.transmit(pack(_FORMAT, SPEED, kind, baud, number) + more)

    def _told(self, kind: int, baud: int, number: int) -> None:
        at_base = self.baud == self.base
        if kind == ASK and at_base:
            # Where both ask at once the higher number wins. Behind what waits the answer would
            # be late: the question comes again.
            if number > self._asked and self.link.port.can(baud) and not self.link.rest:
                self._say(AGREE, baud, number)
                if not self.link.rest:
                    self._switch(baud)
        elif kind == AGREE and at_base and self._asked == number and baud == self.wanted:
            self._switch(baud)
            for _ in range(_TRIALS if self.baud == baud else 0):
                self.link.port.settle()  # the other side takes a moment to switch
                self._say(TRIAL, baud, number, _PATTERN)
        elif kind == TRIAL and baud == self.baud:
            self._prove()
            self._say(HEARD, baud, number)
        elif kind == HEARD and baud == self.baud:
            self._heard += 1
            if self._heard >= _ENOUGH:
                self._prove()

    def _prove(self) -> None:
        self.proven = True
        self._heard_ms = self.link.port.clock()
        self._unheard = 0

    def _switch(self, baud: int) -> None:
        """Goes on at another rate; what waits for the port is lost, and said again by the core."""
        link = self.link
        link.rest = b""
        self.baud = link.port.set_baud(baud)
        link.decoder.give_up()
        self.proven = self.baud == self.base
        self._asked = self._heard = self._garbled = self._unheard = 0
        self._noises = self._count()
        self._since_ms = self._heard_ms = link.port.clock()

    def _wait(self) -> None:
        """The next question has its time."""
        self._ask_ms = self.link.port.clock()
        self._wait_ms = min(2 * self._wait_ms or _FIRST_WAIT_MS, _LONGEST_WAIT_MS)

    def _back(self) -> None:
        if (self.link.port.clock() - self._since_ms) & _CLOCK >= _HELD_MS:
            self._wait_ms = 0
        self._wait()
        self._switch(self.base)
