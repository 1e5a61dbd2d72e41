"""Surrogate pairs in JSON (spec 7), for MicroPython: it takes each half as a character.

Loaded when a text has an escape or a byte that may be one.
"""


def joined(text: str) -> str:
    """JSON `text` with each escaped surrogate pair as the character that it stands for; ValueError
    where a half stands alone."""
    check(text.encode())
    at = text.find("\\")
    while at >= 0:
        if text[at + 1 : at + 2] != "u":
            at = text.find("\\", at + 2)  # an escaped backslash begins nothing
            continue
        high = int(text[at + 2 : at + 6], 16)
        if 0xD800 <= high < 0xE000:
            low = int(text[at + 8 : at + 12], 16) if text[at + 6 : at + 8] == "\\u" else 0
            if high >= 0xDC00 or not 0xDC00 <= low < 0xE000:
                raise ValueError("half of a surrogate pair")
            both = chr(0x10000 + (high - 0xD800 << 10) + low - 0xDC00)
            text = text[:at] + both + text[at + 12 :]
            at -= 5
        at = text.find("\\", at + 6)
    return text


# First bytes of characters, and what the second byte must be from and below (RFC 3629, section 4).
# MicroPython itself looks only whether as many bytes follow as the first one says.
_BOUNDS = ((0xE0, 0xA0, 0xC0), (0xED, 0x80, 0xA0), (0xF0, 0x90, 0xC0), (0xF4, 0x80, 0x90))
_NEVER = b"\xc0\xc1\xf5\xf6\xf7"


def check(data: bytes) -> None:
    """ValueError where a text that MicroPython takes is no UTF-8."""
    for never in _NEVER:
        if bytes((never,)) in data:
            raise ValueError("no UTF-8")
    for first, low, high in _BOUNDS:
        at = data.find(bytes((first,)))
        while at >= 0:
            if not low <= data[at + 1] < high:
                raise ValueError("half of a surrogate pair" if first == 0xED else "no UTF-8")
            at = data.find(bytes((first,)), at + 1)
