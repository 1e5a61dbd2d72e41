"""Packet and message headers (spec 4 and 5): the numbers on the wire, nothing else."""

from struct import unpack_from

from .seldom import starting

VERSION = 1

# The first byte of a packet.
DATA = 0x80  # high bit: header, then at most one message
SACK = 0x01  # a bitmap of the WINDOW packet numbers below the highest follows
ASK = 0x02  # the sender's clock follows; an acknowledgement is wanted
BYE = 0x04  # the session is over
SEALED = 0x08  # reserved: encrypted from here on; as the three bits above it, never set yet
HELLO = 0x48
GONE = 0x47  # "I know no attach of this tag"
QUIET = 0x46  # "say nothing for so many milliseconds: I can't listen"
SILENT = 0x45  # "I say nothing from here on"
MAX_QUIET_MS = 5000

# Kinds of messages, the low four bits of a message's first byte: numbers that no frame must stuff.
NOTHING = 0  # takes the place of a message that was taken back
CALL = 6
REPLY = 7
ERROR = 8
ITEMS = 9  # what a stream or a subscription brings
BEGUN = 12  # the call has begun: how long it may block, or what its items are
CANCEL = 14
CREDIT = 15  # how many items the receiver has room for
# The high four bits.
RAW = 0x10  # the body has raw bytes behind its JSON
LONG = 0x20  # counted in the lane of long messages
PART = 0x40  # offset and total length follow: a fragment

FIRST_CREDIT = 16  # items that a stream may bring before its receiver says more
WINDOW = 30  # distance of packet numbers, and of message ids, under way at once
ALL = (1 << 30) - 1  # a bitmap of WINDOW ones
CLOCK = (1 << 30) - 1  # clocks are milliseconds modulo 2^30

HEAD = "<BIHH"  # first byte, tag, packet number, highest packet number received
HEAD_BYTES = 9
MESSAGE = "<BHH"  # kind, id, the call it refers to
MESSAGE_BYTES = 5
HEAD_MESSAGE = "<BIHHBHH"
PART_BYTES = 8
OVERHEAD_BYTES = 18  # header, bitmap, message header
MIN_MTU_BYTES = 32
HELLO_PIECE_BYTES = 128  # of a hello to a peer of which nothing is known yet
LEAST_LIMIT_BYTES = 64  # every node takes messages of so many bytes: an error, cut short

# Hello: version, flags, session, tag, the tag it answers, clock, mtu, window, limit, then for
# short and for long messages: lowest id not delivered, bitmap from there on, first id sent.
HELLO_FORMAT = "<BB8sIIIHIIHIHHIHB"
HELLO_BYTES = 49
FRESH = 0x01  # flag: I know nothing of this session yet
REFUSED = 0x02  # flag: the name says why


@starting
class Hello:
    """What a node says of itself when it attaches a session to a link."""

    def __init__(self, body: bytes) -> None:
        """Reads a hello; ValueError where it isn't one. What stands behind a 0x00 after the name
        belongs to later versions and is ignored."""
        if len(body) < HELLO_BYTES:
            raise ValueError("short hello")
        fields = unpack_from(HELLO_FORMAT, body)
        self.flags = fields[1]
        self.session = fields[2]  # 8 random bytes, chosen by who dials
        self.tag = fields[3]  # what its sender wants to see in every packet of this attach
        self.echo = fields[4]  # the tag of the hello that this one answers, or 0
        self.clock = fields[5]
        self.mtu_bytes = fields[6]  # largest packet it takes on this link
        self.window_bytes = fields[7]  # it takes so many unacknowledged
        self.limit_bytes = fields[8]  # largest message it takes
        self.lanes = fields[9:15]  # low, bits, first id: of short messages, then of long ones
        n = fields[15]
        self.uid = body[HELLO_BYTES : HELLO_BYTES + n]
        self.name = str(body[HELLO_BYTES + n :].split(b"\x00")[0], "utf-8")
        if not n or len(self.uid) != n or not (self.tag or self.echo):
            raise ValueError("no tag or id")


def hello_packets(body: bytes, mtu_bytes: int, number: int) -> list[bytes]:
    """`body` as packets of at most `mtu_bytes`: 0x48, number, index, count, piece."""
    room = mtu_bytes - 4
    return [
        bytes((HELLO, number & 0xFF, at // room, (len(body) + room - 1) // room))
        + body[at : at + room]
        for at in range(0, len(body), room)
    ]
