"""What a node tells by advertising (spec 12.2): that it is one, and its name."""

MYPY = False
if MYPY:
    from collections.abc import Iterator

SERVICE = "c66941f7-cd35-43ac-8f99-0e9515a867b0"
RX = "c66941f8-cd35-43ac-8f99-0e9515a867b0"  # written to by the central
TX = "c66941f9-cd35-43ac-8f99-0e9515a867b0"  # notified by the peripheral
SERVICE_BYTES = b"\xb0\x67\xa8\x15\x95\x0e\x99\x8f\xac\x43\x35\xcd\xf7\x41\x69\xc6"

ADV_BYTES = 31  # of an advertisement, and of a scan response
LEAST_MTU_BYTES = 23  # of ATT, before it was asked for more
HEAD_BYTES = 3  # of ATT, before what is written or notified
# With the heads of L2CAP and ATT two radio packets of 251 bytes, where one byte more were three; a
# characteristic holds 512.
LARGEST_BYTES = 495
WINDOW_BYTES = 4096  # under way to one end: no more ever waits there

_FLAGS = b"\x02\x01\x06"  # to be found by all; no classic Bluetooth
_SHORT_NAME, _NAME = 8, 9


def payloads(name: str) -> "tuple[bytes, bytes]":
    """Advertisement and scan response of the node `name`, of which 29 bytes fit."""
    text = name.encode()
    room = ADV_BYTES - 2
    kind = _NAME
    if len(text) > room:
        text = text[:room]
        kind = _SHORT_NAME
    advertisement = _FLAGS + bytes((1 + len(SERVICE_BYTES), 7)) + SERVICE_BYTES
    return advertisement, bytes((1 + len(text), kind)) + text


def fields(payload: bytes) -> "Iterator[tuple[int, bytes]]":
    """Kind and content of each field; a field that is cut off ends it."""
    at = 0
    while at + 1 < len(payload):
        size = payload[at]
        if not size or at + 1 + size > len(payload):
            return
        yield payload[at + 1], payload[at + 2 : at + 1 + size]
        at += 1 + size


def name_in(payload: bytes) -> str:
    """The name that is told, or ""."""
    for kind, content in fields(payload):
        if kind in (_SHORT_NAME, _NAME):
            try:
                return str(content, "utf-8")
            except ValueError:  # UnicodeError on a board too
                return ""
    return ""


def packet_bytes(mtu_bytes: int) -> int:
    """The largest packet at an MTU of ATT."""
    return min(mtu_bytes - HEAD_BYTES, LARGEST_BYTES)
