"""Asks for the address of a name (RFC 1035), without holding anything else up: a board's own
`getaddrinfo` blocks for many seconds where nobody answers. Bytes in, addresses out."""

from struct import pack, unpack_from

PORT = 53
_A_IN = b"\x00\x01\x00\x01"  # an IPv4 address, in the Internet


def request(name: str, ident: int) -> bytes:
    """The question for the addresses of `name`. Raises ValueError where it can be none's."""
    labels = name.rstrip(".").encode().split(b".")
    for label in labels:
        if not 0 < len(label) < 64:
            raise ValueError("%r is no name of the network" % name)
    body = b"".join([bytes((len(label),)) + label for label in labels])
    return pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + body + b"\x00" + _A_IN


def addresses(packet: bytes, ident: int) -> "list[str] | None":
    """The addresses in an answer: [] where there are none; None where it is no answer to it."""
    try:
        got, flags, questions, answers = unpack_from(">HHHH", packet)
        if got != ident or not flags & 0x8000:
            return None
        at = 12
        for _ in range(questions):
            at = _past_name(packet, at) + 4
        found = []
        for _ in range(answers):
            at = _past_name(packet, at)
            kind = packet[at : at + 4]
            size = unpack_from(">H", packet, at + 8)[0]
            at += 10
            if kind == _A_IN and size == 4:
                found.append("%d.%d.%d.%d" % unpack_from("BBBB", packet, at))
            at += size
        return found
    except (ValueError, IndexError):
        return None  # cut off
    except Exception as error:  # struct.error, which MicroPython has not
        if type(error).__name__ == "error":
            return None
        raise


def _past_name(packet: bytes, at: int) -> int:
    """Where the name that begins at `at` ends."""
    while packet[at]:
        if packet[at] >= 0xC0:  # the rest stands elsewhere
            return at + 2
        at += 1 + packet[at]
    return at + 1
