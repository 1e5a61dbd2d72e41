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
    from typing import Any

_BYTES = (bytes, bytearray, memoryview)

if sys.implementation.name == "micropython":
    from io import BytesIO

    _PLAIN = (str, int, bool, type(None))

    def _plain(value: "Any") -> bytes | None:
        # It would write bytes as a string, and NaN: only what has neither is written at once.
        if type(value) in _PLAIN:
            out = BytesIO()  # for a new `str` all names would be searched
            json.dump(value, out)  # type: ignore[arg-type]
            text = out.getvalue()
            return None if b"\xed" in text else text
        return None

    def _decode(data: "bytes | memoryview") -> "Any":
        text = str(data, "utf-8")
        if len(text) < len(data) or "\\u" in text:
            from .surrogates import joined

            text = joined(text)
        return json.loads(text)

else:

    def _finite(text: str) -> float:
        value = float(text)
        if value - value != 0:
            raise ValueError(text + " is too large a number")
        return value

    def _refuse(text: str) -> float:
        raise ValueError(text + " is no JSON")

    _encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    _parts: "Any" = _encoder.iterencode
    try:  # which makes one of these for each value, and that takes longer than the value does
        _parts = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, _encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False,
            False,
        )  # fmt: skip
    except (AttributeError, TypeError):  # it is CPython's own affair
        pass

    _decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse)

    def _plain(value: "Any") -> bytes | None:
        if isinstance(value, _BYTES):
            return None
        try:
            return "".join(_parts(value, 0)).encode()
        except (TypeError, ValueError, RecursionError):
            return None  # bytes inside, or no JSON

    def _loads(text: str) -> "Any":
        try:
            value, end = _decoder.raw_decode(text)  # half the time of `decode`
        except ValueError:
            end = -1
        return value if end == len(text) else _decoder.decode(text)  # with space around it

    def _decode(data: "bytes | memoryview") -> "Any":
        text = str(data, "utf-8")
        try:
            value = _loads(text)
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        if "\\u" in text:  # ValueError where half of a surrogate pair is missing
            "".join(_parts(value, 0)).encode()
        return value


def encode(value: "Any") -> tuple[int, bytes]:
    """`value` as the flag of its message's kind (RAW or 0) and the bytes of its body.

    BadArguments where it is no value that can be sent.
    """
    text = _plain(value)
    if text is not None:
        return 0, text
    if isinstance(value, _BYTES):
        if isinstance(value, memoryview):
            value = bytes(value)  # of any items, with any gaps
        return RAW, b"\x00\x00\x00\x00" + value
    from .markers import encode_parts

    return encode_parts(value)


def decode(flags: int, body: "bytes | memoryview", at: int = 0) -> "Any":
    """The value that begins at `at` of a message's body; ValueError where there is none."""
    if not flags & RAW:
        return _decode(body[at:] if at else body)
    if len(body) < at + 4:
        raise ValueError("no length of the JSON part")
    end = at + 4 + unpack_from("<I", body, at)[0]
    if end > len(body):
        raise ValueError("the JSON part is cut off")
    raw = bytes(body[end:])
    if end == at + 4:
        return raw
    from .markers import join

    return join(_decode(body[at + 4 : end]), raw)
