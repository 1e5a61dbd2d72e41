"""The mailbox in a target's memory: what stands where, and packets in pieces (spec 13).

Single bytes are the only thing that both sides see whole. So a frame is there when the byte that
says so has been written after it, and every read is checked.
"""

# The board writes; one read of four bytes.
LENGTH = 0x10  # of its frame, in units of 4 bytes; 0: none waits
NUMBER = 0x11  # of its frame
HEARD = 0x12  # number of the controller's frame that it took last; TOGGLE: one came damaged
CHECK = 0x13  # of these three
# The controller writes.
ACK = 0x14  # number of the board's frame that it read last; its complement: write it once more
WANTED = 0x15  # largest frame that it wants to read, in units of 4 bytes; 0: any
# The board writes, once: it is a mailbox, of this version.
MARK = 0x16
VERSION = b"p\x01"
# The controller's frame ends at COMMIT, whatever its length: piece, word, crc32, number.
FIRST = 0x18
WORD = 0xF7
COMMIT = 0xFD
# The board's frame: word, crc32, piece. 0xFF is the last byte that an 8-bit pointer can name.
FRAME = 0xFF
HEAD_BYTES = 6
HEAD = "<HI"

LARGEST = WORD - FIRST  # piece that the controller writes
TAKES_BYTES = 8 * LARGEST  # a packet that the controller writes
MOST = 255  # units of a frame
MTU_BYTES = 4 * MOST - HEAD_BYTES  # a packet that the board writes, which is one frame
MEMORY_BYTES = FRAME + 4 * MOST
NUMBERS = 0x7F  # they go from 1 to here, and from 1 again
TOGGLE = 0x80
SIZE = 0x3FF  # of a word: bytes of the piece
BEGIN = 0x400  # a packet begins with it
END = 0x800  # a packet ends with it
_CHECK = 0xA5  # neither an erased memory nor an open bus looks like a status


def anew(number: int) -> int:
    """What asks for the frame once more: no wrong bit makes it of an acknowledgement."""
    return number ^ 0xFF


def check(length: int, number: int, heard: int) -> int:
    """The byte that tells a status from half of one."""
    return length ^ number ^ heard ^ _CHECK


class Pieces:
    """Packets from the pieces in which they come. A lost piece costs its packet, no other."""

    def __init__(self) -> None:
        self._have: list[bytes] = []
        self._bytes = 0
        self._number = 0

    def add(self, number: int, word: int, piece: bytes) -> "bytes | None":
        """Takes the piece of frame `number`; returns the packet that it completes."""
        have = self._have
        if word & BEGIN:
            have = []
            self._bytes = 0
        elif not have or number != self._number % NUMBERS + 1:
            self._have = []
            return None
        self._number = number
        self._bytes += len(piece)
        have.append(piece)
        self._have = have
        if word & END:
            self._have = []
            return b"".join(have) if len(have) > 1 else piece
        if self._bytes > TAKES_BYTES or not piece:
            self._have = []  # nobody sends that much, or nothing
        return None
