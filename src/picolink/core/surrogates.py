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


def check(data: bytes) -> None:
    """ValueError where a text holds half of a surrogate pair: it is no UTF-8 then."""
    at = data.find(b"\xed")
    while at >= 0:
        if data[at + 1] >= 0xA0:
            raise ValueError("half of a surrogate pair")
        at = data.find(b"\xed", at + 3)
