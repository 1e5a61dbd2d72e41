"""A name server's half of DNS (RFC 1035), as far as boards ask: addresses of a name."""

from __future__ import annotations

from struct import pack

PORT = 53
_A_IN = b"\x00\x01\x00\x01"  # an IPv4 address, in the Internet
_LIFE_S = 60


def asked(packet: bytes) -> str | None:
    """The name that a question is about; None where it is none."""
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


def answer(question: bytes, found: list[str]) -> bytes:
    """The answer to a question: these addresses, or that there is no such name."""
    end = _past_name(question, 12) + 4
    head = question[:2] + pack(">HHHHH", 0x8180 if found else 0x8183, 1, len(found), 0, 0)
    records = [
        b"\xc0\x0c" + _A_IN + pack(">IH", _LIFE_S, 4) + bytes(int(n) for n in address.split("."))
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
