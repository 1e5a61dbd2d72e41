"""The controller's half of the mailbox, over reads and writes of the target's memory (spec 13).

Only it can begin anything: it looks often while there is traffic, and seldom when there is none.
"""

from binascii import crc32
from struct import pack, unpack_from

from ...core.failure import LinkError
from .layout import (
    ACK,
    BEGIN,
    END,
    FRAME,
    HEAD,
    HEAD_BYTES,
    LARGEST,
    LENGTH,
    MOST,
    NUMBERS,
    SIZE,
    TAKES_BYTES,
    WORD,
    Pieces,
    anew,
    check,
)

MYPY = False
if MYPY:
    from collections.abc import Callable

_LEAST = 16
_UNITS = 6  # the least of a frame that we ask for
_TRIES = 16  # with one frame, before its packet is given up
_READS = 3  # of one frame at once
_PATIENCE_MS = 120  # for the target to take a frame, before it is written again
_PATIENCE_MAX_MS = 960
_AGAIN_MS = 10  # an acknowledgement that the target did not see is repeated after this
_RETRY_MS = 4  # the first wait after a failure; doubles up to
_RETRY_MAX_MS = 128
_SILENCE_MS = 3000  # of failures, before the link is lost
_CLOCK = 0x3FFFFFFF
NEVER = 1 << 28


class Controller:
    """One target. `read(register, n)` and `write(register, data)` raise OSError where it does not
    answer; `clock()` gives milliseconds; `idle_ms`: between looks where nothing happens; `units`:
    largest frame that we want to read, in units of 4 bytes, and to write."""

    def __init__(
        self, read: "Callable[[int, int], bytes]", write: "Callable[[int, bytes], object]",
        clock: "Callable[[], int]", idle_ms: int, units: int = MOST,
    ) -> None:  # fmt: skip
        self.packets: list[bytes] = []  # that have come
        self.waiting: list[bytes] = []  # to be sent
        self.sent = 0  # packets
        self.damaged = 0  # frames that came so, either way
        self.repeated = 0  # writes of a frame that were not the first
        self.dropped = 0  # packets, of frames that would not come right
        self.idle_ms = idle_ms
        self.ready: Callable[[], int] | None = None  # tells whether the target has something
        self.on_room: Callable[[], object] = int  # called when the next packet should be given
        self._read = read
        self._write = write
        self._clock = clock
        self._most = units
        self._units = units  # that we want at present
        self._whole = min(LARGEST, 4 * units - HEAD_BYTES)
        self._largest = self._whole  # piece that we write at present
        self._pieces = Pieces()
        self._taken = 0  # number of the frame that we read last
        self._number = 0  # of the frame that we wrote last
        self._heard = 0  # as the target told it last
        self._frame = b""  # that was written, or shall be
        self._at = self._count = 0  # of the first packet that waits
        self._written = self._more = False  # more: of this packet, after the frame
        self._tries = self._bad = 0
        self._patience_ms = _PATIENCE_MS
        self._written_ms = self._acked_ms = self._active_ms = clock()
        self._failing_ms = -1
        self._retry_ms = _RETRY_MS

    def begin(self) -> bool:
        """Begins; False where what answers is no mailbox. OSError where nothing does."""
        status = self._status()
        if status is None:
            return False
        self._heard = status[2]
        self._number = self._heard & NUMBERS
        return True

    def _status(self) -> "tuple[int, int, int] | None":
        for _ in range(_READS):
            length, number, heard, checked = self._read(LENGTH, 4)
            if check(length, number, heard) == checked:
                return length, number, heard
        return None

    def full(self) -> bool:
        """Whether another packet should wait: short messages overtake those that are not given
        yet. The last frame of one is the time for the next."""
        return len(self.waiting) > 1 or self._more

    def poll(self, budget_ms: int) -> int:
        """Does what there is to do, for `budget_ms` at most, or until a packet has come or gone;
        returns the milliseconds until there is more. LinkError where the target has not answered
        for long."""
        begin_ms = self._clock()
        sent = self.sent
        while True:
            try:
                wait_ms = self._step()
                self._failing_ms = -1
                self._retry_ms = _RETRY_MS
            except OSError as error:
                wait_ms = self._failed(error)
            if wait_ms or self.packets or self.sent != sent:
                return wait_ms
            if (self._clock() - begin_ms) & _CLOCK >= budget_ms:
                return 0

    def _failed(self, error: OSError) -> int:
        """The target is being reset, or writes its flash: it will come back."""
        now_ms = self._clock()
        if self._failing_ms < 0:
            self._failing_ms = now_ms
        elif (now_ms - self._failing_ms) & _CLOCK >= _SILENCE_MS:
            raise LinkError("the target does not answer any more (%s)" % error)
        wait_ms = self._retry_ms
        self._retry_ms = min(2 * wait_ms, _RETRY_MAX_MS)
        return wait_ms

    def _step(self) -> int:
        """One exchange; returns how long to wait before the next."""
        now_ms = self._clock()
        if self.waiting and not self._frame:
            self._prepare()
        if self._frame:
            waited_ms = (now_ms - self._written_ms) & _CLOCK
            if not self._written or waited_ms >= self._patience_ms:
                self._put()
                waited_ms = 0
        elif self.ready is not None and not self.ready():
            return NEVER
        elif not self._read(LENGTH, 1)[0]:
            age_ms = (now_ms - self._active_ms) & _CLOCK
            if age_ms >= 4 * self.idle_ms:  # the clock may come round before something happens
                self._active_ms = now_ms - 4 * self.idle_ms
            return min(age_ms // 4, self.idle_ms)
        else:
            waited_ms = 0
        status = self._status()
        if status is None:
            raise OSError("what it tells makes no sense")
        length, number, heard = status
        if self._frame:
            if heard & NUMBERS == self._number:
                self._delivered()
            elif heard != self._heard:  # it came damaged, or the target is new
                self.damaged += 1
                self._written = False
                self._largest = max(self._largest // 2, _LEAST)
        self._heard = heard
        if length:
            if number != self._taken:
                self._fetch(length, number)
            elif (self._clock() - self._acked_ms) & _CLOCK >= _AGAIN_MS:
                self._acknowledge(number)
            return 0
        return min(waited_ms // 4, self.idle_ms) if self._frame and self._written else 0

    # What we send

    def _prepare(self) -> None:
        """Makes the next frame, of the packet that waits."""
        packet = self.waiting[0]
        at = self._at
        count = self._count = min(len(packet) - at, self._largest)
        word = count
        if at == 0:
            word |= BEGIN
        if at + count == len(packet):
            word |= END
        number = self._number = self._number % NUMBERS + 1
        piece = packet[at : at + count]
        self._frame = piece + pack("<HIB", word, crc32(piece, number | word << 8), number)
        self._written = False
        self._tries = 0
        self._patience_ms = _PATIENCE_MS
        self._more = at + count < len(packet)
        if not self.full():
            self.on_room()

    def _put(self) -> None:
        """Writes the frame. What was written once is written again without a change: the target
        may have taken it."""
        if self._tries:
            self.repeated += 1
            if self._written:
                self._patience_ms = min(2 * self._patience_ms, _PATIENCE_MAX_MS)
            if self._tries >= _TRIES and not self._written:
                self.dropped += 1
                self._done()
                return
        self._write(WORD - self._count, self._frame)
        self._tries += 1
        self._written = True
        self._written_ms = self._clock()

    def _delivered(self) -> None:
        self._at += self._count
        self._largest = min(self._largest + 16, self._whole)
        self._active_ms = self._clock()
        self._frame = b""
        if self._at >= len(self.waiting[0]):
            self._done()

    def _done(self) -> None:
        """The packet is sent, or given up."""
        self._frame = b""
        self._more = False
        self._at = 0
        self.waiting.pop(0)
        self.sent += 1

    # What we receive

    def _fetch(self, length: int, number: int) -> None:
        """Reads the target's frame until it is right."""
        for _ in range(_READS):
            data = self._read(FRAME, max(4 * length, HEAD_BYTES))
            word, crc = unpack_from(HEAD, data)
            end = HEAD_BYTES + (word & SIZE)
            if end <= len(data):
                piece = data[HEAD_BYTES:end]
                if crc32(piece, number | word << 8) == crc:
                    break
            self.damaged += 1
            self._bad += 1
            self._units = max(self._units // 2, _UNITS)
        else:
            if self._bad < _TRIES:
                # In a smaller piece; or a write of ours went astray, and hit it.
                self._write(ACK, bytes((anew(number), self._units)))
                return
            self.dropped += 1
            self._bad = 0
            self._taken = number
            self._acknowledge(number)
            return
        self._bad = 0
        self._taken = number
        self._units = min(self._units + 2, self._most)
        packet = self._pieces.add(number, word, piece)
        if packet:
            self.packets.append(packet)
        self._acknowledge(number)

    def _acknowledge(self, number: int) -> None:
        self._acked_ms = self._active_ms = self._clock()
        self._write(ACK, bytes((number, self._units)))


class ControllerSide:
    """What the link to a target is, on a board and on a computer; `box` looks after it."""

    stream = False
    reliable = False
    shared = True
    window_bytes = 0
    mtu_bytes = TAKES_BYTES
    pollable = None
    rest = b""
    box: Controller

    @property
    def damaged(self) -> int:
        """Frames that came damaged."""
        return self.box.damaged

    def write(self, text: bytes) -> None:
        """There is no text on this link."""

    def flush(self) -> None:
        """It is sent when its turn comes."""
