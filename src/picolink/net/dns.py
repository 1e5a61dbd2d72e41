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


def asked(packet: bytes) -> "str | None":
    """The name that a question is about; None where it is none: for who answers them."""
    try:
        end = _past_name(packet, 12)
        if packet[2] & 0x80 or packet[end : end + 4] != _A_IN:
            return None
        labels = []
        at = 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        return ".".join(labels)
    except (IndexError, ValueError):
        return None


def answer(question: bytes, found: "list[str]") -> bytes:
    """The answer to a question: these addresses, or that there is no such name."""
    end = _past_name(question, 12) + 4
    head = question[:2] + pack(">HHHHH", 0x8180 if found else 0x8183, 1, len(found), 0, 0)
    records = [
        b"\xc0\x0c" + _A_IN + pack(">IH", 60, 4) + bytes([int(part) for part in address.split(".")])
        for address in found
    ]
    return head + question[12:end] + b"".join(records)


def _past_name(packet: bytes, at: int) -> int:
    """Where the name that begins at `at` ends."""
    while packet[at]:
        if packet[at] >= 0xC0:  # the rest stands elsewhere
            return at + 2
        at += 1 + packet[at]
    return at + 1
