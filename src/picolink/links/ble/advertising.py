"""What a node tells by advertising (spec 12.2): that it is one, and its name."""

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
STALLS = 6  # where others use the air, it repeats a packet for long; it loses none
WINDOW_BYTES = 8192  # under way to one end: no more ever waits there

_HEAD = b"\x02\x01\x06\x11\x07"  # to be found by all, no classic Bluetooth; a UUID of 128 bits
_SHORT_NAME, _NAME = 8, 9


def payloads(name: str) -> "tuple[bytes, bytes]":
    """Advertisement and scan response of the node `name`, of which 29 bytes fit."""
    text = name.encode()
    told = text[: ADV_BYTES - 2]
    head = bytes((1 + len(told), _NAME if told == text else _SHORT_NAME))
    return _HEAD + SERVICE_BYTES, head + told


def name_in(payload: bytes) -> str:
    """The name that an advertisement or scan response tells, or ""."""
    at = 0
    while at + 1 < len(payload):
        end = at + 1 + payload[at]
        if payload[at + 1] in (_SHORT_NAME, _NAME):
            try:
                return str(payload[at + 2 : end], "utf-8")
            except ValueError:  # UnicodeError on a board too
                return ""
        at = end
    return ""


def packet_bytes(mtu_bytes: int) -> int:
    """The largest packet at an MTU of ATT."""
    return min(mtu_bytes - HEAD_BYTES, LARGEST_BYTES)
