"""Values on the wire (spec 7): JSON, with raw bytes behind it where a value has any.

Bytes, alone or anywhere inside lists and dicts, travel as they are: the JSON says where they
stand, `{"$":[offset,length]}`.
"""

import json
from struct import pack, unpack_from

from .errors import BadArguments
from .packets import RAW

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_BYTES = (bytes, bytearray, memoryview)
_SEPARATORS = (",", ":")

try:  # CPython: made once, a third of the time
    _encode: "Callable[[Any], str]" = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=_SEPARATORS
    ).encode
    _decode: "Callable[[str], Any]" = json.JSONDecoder().decode
except AttributeError:

    def _checked(value: "Any") -> str:
        text = json.dumps(value, separators=_SEPARATORS)
        if ("nan" in text or "inf" in text) and not _finite(value):
            raise ValueError("NaN or infinity")
        return text

    _encode = _checked
    _decode = json.loads

# MicroPython would write bytes as a string; CPython raises TypeError.
_MUST_LOOK = _decode is json.loads


def to_json(value: "Any") -> str:
    """`value` as JSON; BadArguments where it has none: NaN, infinity, objects."""
    try:
        return _encode(value)
    except (TypeError, ValueError) as error:
        raise BadArguments("%s: only JSON values and bytes can be sent" % error) from None


def _finite(value: "Any") -> bool:
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return True
    return all(_finite(item) for item in value)


def _part(value: "Any", raw: "list[Any]") -> "Any":
    """`value` with its bytes moved to `raw`."""
    if isinstance(value, _BYTES):
        raw.append(value)
        return {"$": [sum(len(part) for part in raw[:-1]), len(value)]}
    if isinstance(value, dict):
        return {key: _part(item, raw) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_part(item, raw) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    # MicroPython would write whatever it prints as
    raise BadArguments("%s: only JSON values and bytes can be sent" % type(value).__name__)


def _join(value: "Any", raw: bytes) -> "Any":
    """Undoes `_part`."""
    if isinstance(value, dict):
        if len(value) == 1 and "$" in value:
            at, size = value["$"]
            return raw[at : at + size]
        return {key: _join(item, raw) for key, item in value.items()}
    if isinstance(value, list):
        return [_join(item, raw) for item in value]
    return value


def encode(value: "Any") -> tuple[int, bytes]:
    """`value` as the flag of its message's kind (RAW or 0) and the bytes of its body."""
    if isinstance(value, _BYTES):
        return RAW, b"\x00\x00\x00\x00" + value
    if not _MUST_LOOK:
        try:
            return 0, _encode(value).encode()
        except (TypeError, ValueError):
            pass  # bytes inside, or no JSON: told apart below
    raw: list[Any] = []
    value = _part(value, raw)
    text = to_json(value).encode()
    if raw:
        return RAW, pack("<I", len(text)) + text + b"".join(raw)
    return 0, text


def decode(flags: int, body: bytes, at: int = 0) -> "Any":
    """The value that begins at `at` of a message's body; ValueError where there is none."""
    if not flags & RAW:
        return _decode(str(body[at:] if at else body, "utf-8"))
    if len(body) < at + 4:
        raise ValueError("no length of the JSON part")
    end = at + 4 + unpack_from("<I", body, at)[0]
    if end > len(body):
        raise ValueError("the JSON part is cut off")
    raw = body[end:]
    if end == at + 4:
        return raw
    try:
        return _join(_decode(str(body[at + 4 : end], "utf-8")), raw)
    except TypeError:
        raise ValueError("a bytes marker is no offset and length") from None
