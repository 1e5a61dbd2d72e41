"""Values on the wire (spec 7): JSON, with raw bytes behind it where a value has any.

Bytes, alone or anywhere inside lists and dicts, travel as they are: the JSON says where they
stand, `{"$":[offset,length]}` (core/markers.py, loaded when the first such value comes).
"""

import json
import sys
from struct import unpack_from

from .packets import RAW

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    _decode: Callable[[Any], Any]

_BYTES = (bytes, bytearray, memoryview)

if sys.implementation.name == "micropython":
    _decode = json.loads
    _BYTES_DO = True  # json takes them as they are

    def _plain(value: "Any") -> bytes | None:
        # It would write bytes as a string, and NaN: only what has neither is written at once.
        if value is None or isinstance(value, (str, int, bool)):
            return json.dumps(value).encode()
        return None

else:  # made once: a third of the time
    _decode = json.JSONDecoder().decode
    _BYTES_DO = False
    _encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

    def _plain(value: "Any") -> bytes | None:
        try:
            return _encode(value).encode()
        except (TypeError, ValueError):
            return None  # bytes inside, or no JSON


def encode(value: "Any") -> tuple[int, bytes]:
    """`value` as the flag of its message's kind (RAW or 0) and the bytes of its body."""
    if isinstance(value, _BYTES):
        return RAW, b"\x00\x00\x00\x00" + value
    text = _plain(value)
    if text is not None:
        return 0, text
    from .markers import encode_parts

    return encode_parts(value)


def decode(flags: int, body: bytes, at: int = 0) -> "Any":
    """The value that begins at `at` of a message's body; ValueError where there is none."""
    if not flags & RAW:
        text = body[at:] if at else body
        return _decode(text if _BYTES_DO else str(text, "utf-8"))
    if len(body) < at + 4:
        raise ValueError("no length of the JSON part")
    end = at + 4 + unpack_from("<I", body, at)[0]
    if end > len(body):
        raise ValueError("the JSON part is cut off")
    if end == at + 4:
        return body[end:]
    from .markers import join

    return join(_decode(str(body[at + 4 : end], "utf-8")), body[end:])
