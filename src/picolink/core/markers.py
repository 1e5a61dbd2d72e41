"""Values with raw bytes inside (spec 7): markers in the JSON say where they stand behind it."""

import json
import sys
from struct import pack

from .packets import RAW

MYPY = False
if MYPY:
    from typing import Any

_SEPARATORS = (",", ":")


def encode_parts(value: "Any") -> tuple[int, bytes]:
    """`value` as the flag of its message's kind (RAW or 0) and the bytes of its body.

    BadArguments where it has no JSON: NaN, infinity, objects.
    """
    raw: list[Any] = []
    try:
        value = _part(value, raw)
        if sys.implementation.name == "micropython":
            text = json.dumps(value, separators=_SEPARATORS).encode()
        else:
            text = json.dumps(value, separators=_SEPARATORS, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        from .errors import BadArguments

        raise BadArguments("%s: only JSON values and bytes can be sent" % error) from None
    if raw:
        return RAW, pack("<I", len(text)) + text + b"".join(raw)
    return 0, text


def _part(value: "Any", raw: "list[Any]") -> "Any":
    """`value` with its bytes moved to `raw`. MicroPython would write any object, and NaN."""
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if isinstance(value, float):
        if value - value != 0:
            raise ValueError("NaN or infinity")
        return value
    if isinstance(value, (list, tuple)):
        return [_part(item, raw) for item in value]
    if isinstance(value, dict):
        return {key: _part(item, raw) for key, item in value.items()}
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw.append(value)
        return {"$": [sum(len(part) for part in raw[:-1]), len(value)]}
    raise TypeError(type(value).__name__)


def join(value: "Any", raw: bytes) -> "Any":
    """Undoes `encode_parts`; ValueError where a marker is none."""
    try:
        return _join(value, raw)
    except TypeError:
        raise ValueError("a bytes marker is no offset and length") from None


def _join(value: "Any", raw: bytes) -> "Any":
    if isinstance(value, dict):
        if len(value) == 1 and "$" in value:
            at, size = value["$"]
            return raw[at : at + size]
        return {key: _join(item, raw) for key, item in value.items()}
    if isinstance(value, list):
        return [_join(item, raw) for item in value]
    return value
