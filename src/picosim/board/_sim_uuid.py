"""bluetooth.UUID: 2, 4 or 16 bytes, least significant first, readable as a buffer."""

import binascii


class UUID(bytearray):
    def __init__(self, value):
        if isinstance(value, int):
            if value > 65535:
                raise ValueError("invalid UUID")
            super().__init__(bytes((value & 0xFF, value >> 8 & 0xFF)))
        elif isinstance(value, str):
            digits = value.replace("-", "")
            for c in digits:
                if c not in "0123456789abcdefABCDEF":
                    raise ValueError("invalid char in UUID")
            if len(digits) != 32:
                raise ValueError("UUID too " + ("long" if len(digits) > 32 else "short"))
            super().__init__(bytes(reversed(binascii.unhexlify(digits))))
        else:
            data = bytes(value)
            if len(data) not in (2, 4, 16):
                raise ValueError("UUID too short")
            super().__init__(data)

    def __hash__(self):
        return hash(bytes(self))

    def __eq__(self, other):
        return isinstance(other, UUID) and bytes(self) == bytes(other)

    def __lt__(self, other):
        a, b = bytes(self), bytes(other)
        return a < b if len(a) == len(b) else len(a) < len(b)

    def __repr__(self):
        text = binascii.hexlify(bytes(reversed(bytes(self)))).decode()
        if len(text) < 32:
            return "UUID(0x%s)" % text
        parts = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
        return "UUID('%s')" % "-".join(parts)

    def __str__(self):
        return repr(self)
